"""The first screen: three sentences, faces of unseen people, and one chart of every system's accuracy."""

from __future__ import annotations

from typing import Any

from deepfacegen.config.schema import Config
from deepfacegen.report import overview
from deepfacegen.report.collect import Collected
from deepfacegen.report.sections import pictures
from deepfacegen.report.values import HEADLINE_PATHS, at, estimates, generates, judged, kinds, percent

PEOPLE = 6
GENERATORS, SCORERS = "Generate a face, which a judge compares", "Generate no face: score voice and face"
CHOICES = (
    "Per cent of choices of two faces that are right, for voices of unseen people, with 95 % intervals. The "
    "other face is of"
)


def view(found: Collected, config: Config) -> dict[str, Any]:
    """Pictures are of the first system that has some."""
    shown = next((name for name in found.systems if name in found.people), "")
    return {
        "system": shown,
        "people": pictures.people(found.people.get(shown), config)[:PEOPLE],
        "chart": chart(found.systems),
        "marks": overview.MARKS,
        "choices": CHOICES,
    }


def chart(systems: dict[str, dict[str, Any]]) -> str:
    """Every system and every way to compare; those that generate faces first."""
    groups: dict[str, list[overview.Line]] = {GENERATORS: [], SCORERS: []}
    for name, metrics in systems.items():
        for kind in kinds(metrics):
            front = estimates(metrics, f"matching{kind.suffix}", HEADLINE_PATHS[:2])
            line = overview.Line(name, kind.name.lower(), *front)
            groups[GENERATORS if generates(metrics) else SCORERS].append(line)
    return overview.chart(list(groups.items()), "Accuracy of every system, unseen people")


def sentences(found: Collected, config: Config) -> list[tuple[str, str]]:
    """Three, each with a word or two ahead of it: what was made, how well it works, what it cannot do."""
    name, metrics = next(iter(found.systems.items()))
    if generates(metrics):
        made = f"{name} generates pictures of a face from a few seconds of speech"
    else:
        made = f"{name} compares a few seconds of speech with faces, and generates none"
    others = [other for other in (*found.systems, *found.refined) if other != name]
    more = (
        f"; for comparison there {'are' if len(others) > 1 else 'is'} also {_list(others)}" if others else ""
    )
    limits = (
        "It cannot show what a voice does not determine, nor who is speaking: a generated face is a "
        "statistical guess, never evidence"
    )
    if config.data.source == "sample":
        limits += "; and all people here are synthetic, so that no figure applies to real ones"
    return [
        ("What it makes", f"{made}{more}."),
        ("How well", _how_well(metrics)),
        ("What it cannot do", f"{limits}."),
    ]


def _how_well(metrics: dict[str, Any]) -> str:
    what = "the face generated for the voice" if generates(metrics) else "the voice"
    unseen, same_gender, seen, seen_same = (_values(metrics, path) for path in HEADLINE_PATHS)
    names = " or ".join(kind.name.lower() for kind in judged(metrics))
    by = f" (by {names})" if generates(metrics) else ""
    return (
        f"Of two faces, {what} of an unseen person is nearer to the right one in {unseen} of trials{by}, "
        f"and in {same_gender} where both people have the same gender; for seen people in {seen} and "
        f"{seen_same}; by chance it would be 50\u00a0%."
    )


def _list(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _values(metrics: dict[str, Any], path: str) -> str:
    """Of one cell of the headline: the accuracy by each cosine, or by the system's own score."""
    found = [at(metrics, f"matching{kind.suffix}", path) for kind in judged(metrics)]
    shown = " or ".join(percent(e.value) for e in found if e)
    return f"{shown}\u00a0%" if shown else "an unknown share"
