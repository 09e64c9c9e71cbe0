"""The first section of a system: its accuracy beside baselines, and comparisons by their intervals."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import dots
from deepfacegen.report.values import (
    CHANCE,
    GROUPS,
    HEADLINE,
    HEADLINE_PATHS,
    Estimate,
    Kind,
    at,
    cell,
    chart_names,
    estimates,
    generates,
    kinds,
)

FRONT = "voice_to_face.unseen.ungrouped"
SAME_GENDER = "voice_to_face.unseen.gender"
UPPER_BOUND = "upper_bound"
# Key of each baseline, its name and a note; one row per kind.
SCORED = (
    (UPPER_BOUND, "Upper bound", "faces with everything that the voice determines, the rest at random"),
    (
        "baselines.nearest_voice",
        "Nearest voice",
        "the real face of the training person with the nearest voice",
    ),
    (
        "baselines.gender_face",
        "Gender\u2019s mean face",
        "the mean training face of women or of men, as listed",
    ),
    ("baselines.mean_face", "Mean face", "the mean training face for every voice"),
)
ORACLES = (
    ("oracle.gender_nationality", "Gender and nationality oracle", "knows both, and nothing else"),
    ("oracle.gender", "Gender oracle", "knows the gender, and nothing else"),
)
# Question, path, key of the other side ({}: the kind's suffix) and, if not the same, its path.
QUESTIONS = (
    ("Better than chance?", FRONT, ("chance",)),
    ("Better than chance, grouped by gender?", SAME_GENDER, ("chance",)),
    ("Better than the gender oracle?", FRONT, ("oracle.gender.matching",)),
    ("Better than the gender and nationality oracle?", FRONT, ("oracle.gender_nationality.matching",)),
    ("Better than the mean face?", FRONT, ("baselines.mean_face.matching{}",)),
    ("Better than the gender\u2019s mean face?", FRONT, ("baselines.gender_face.matching{}",)),
    ("Better than the nearest voice?", FRONT, ("baselines.nearest_voice.matching{}",)),
    ("As good on unseen people as on seen people?", FRONT, ("matching{}", "voice_to_face.seen.ungrouped")),
)


def view(metrics: dict[str, Any]) -> dict[str, Any]:
    """Headlines, chart, table and comparisons."""
    used = kinds(metrics)
    return {
        "generates": generates(metrics),
        "kinds": used,
        "headlines": [(k, found) for k in used if (found := at(metrics, f"matching{k.suffix}", FRONT))],
        "baselines": _baselines(metrics, used),
        "chart": _chart(metrics, used),
        "references": _references(metrics),
        "rows": table(metrics),
        "verdicts": verdicts(metrics, used),
        "judge": metrics.get("judge"),
        "nearest_voice": cell(metrics, "baselines.nearest_voice.matching.voice_to_face.seen") is not None,
        "counts": {
            population: cell(metrics, f"data.{population}") or {} for population in ("seen", "unseen")
        },
    }


def table(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the headline table: the system's own, then every baseline that is there, then chance. Four
    cells each, as in HEADLINE."""
    used = kinds(metrics)
    rows = [(kind.name, kind.note, f"matching{kind.suffix}") for kind in used]
    for prefix, name, note in SCORED:
        if prefix == UPPER_BOUND and not generates(metrics):
            continue  # a bound of generated faces
        labels = [f"{name}, {kind.short}" if len(used) > 1 else name for kind in used]
        keys = [f"{prefix}.matching{kind.suffix}" for kind in used]
        rows += [(label, note, key) for label, key in zip(labels, keys, strict=True)]
    rows += [(name, note, f"{prefix}.matching") for prefix, name, note in ORACLES]
    cells = [estimates(metrics, key) for _, _, key in rows]
    return [
        {"label": label, "note": note, "kind": "own" if k < len(used) else "reference", "cells": found}
        for k, ((label, note, _), found) in enumerate(zip(rows, cells, strict=True))
        if any(found)
    ] + [{"label": "Chance", "note": "", "kind": "reference", "cells": [Estimate(CHANCE)] * len(HEADLINE)}]


def _baselines(
    metrics: dict[str, Any], used: tuple[Kind, ...]
) -> list[tuple[str, list[Estimate | None], int]]:
    """Reference values of the headline figures: (label, one value per kind, digits)."""

    def values(key: str, path: str = FRONT) -> list[Estimate | None]:
        return [at(metrics, key.format(kind.suffix), path) for kind in used]

    shares = [cell(metrics, f"progress.matching{k.suffix}.{FRONT}") for k in used]
    progress = "Progress from chance (0) to the upper bound (100)"
    if any(share is not None and share > 1 for share in shares):
        progress += "; more is possible, as the bound\u2019s faces are partly random"
    rows: list[tuple[str, list[Estimate | None], int]] = [
        ("Chance", [Estimate(CHANCE)] * len(used), 1),
        ("Grouped by gender", values("matching{}", SAME_GENDER), 1),
        ("Gender oracle", values("oracle.gender.matching"), 1),
        ("Nearest voice", values("baselines.nearest_voice.matching{}"), 1),
    ]
    if generates(metrics):
        rows += [
            ("Upper bound", values("upper_bound.matching{}"), 1),
            (progress, [None if share is None else Estimate(share) for share in shares], 0),
        ]
    return [row for row in rows if any(row[1])]


def _chart(metrics: dict[str, Any], used: tuple[Kind, ...]) -> str:
    rows = []
    for (population, group), path in zip(HEADLINE, HEADLINE_PATHS, strict=True):
        found = tuple((kind.mark, at(metrics, f"matching{kind.suffix}", path)) for kind in used)
        bounds = [
            ("upper_bound", cell(metrics, f"upper_bound.matching{k.suffix}.{path}.accuracy"), k.mark)
            for k in (used if generates(metrics) else ())
        ]
        oracle = ("oracle", cell(metrics, f"oracle.gender.matching.{path}.accuracy"), None)
        rows.append(dots.Row(f"{population.capitalize()}, {GROUPS[group]}", found, (oracle, *bounds)))
    described = "Accuracy, voice to face, choice of two, with 95 % intervals"
    return dots.accuracy_chart(rows, described, wide=True, names=chart_names(used))


def _references(metrics: dict[str, Any]) -> list[str]:
    bound = (("upper_bound", "upper_bound.matching"),) if generates(metrics) else ()
    keys = (("oracle", "oracle.gender.matching"), *bound)
    return [name for name, key in keys if cell(metrics, f"{key}.{FRONT}")]


def verdicts(metrics: dict[str, Any], used: tuple[Kind, ...]) -> list[dict[str, Any]]:
    """Questions with one verdict per kind, by one rule: an interval must lie wholly on one side of what it is
    compared with."""
    rows = []
    for question, path, (key, *elsewhere) in QUESTIONS:
        found: list[dict[str, Any] | None] = []
        for kind in used:
            own = at(metrics, f"matching{kind.suffix}", path)
            other = at(metrics, key.format(kind.suffix), *(elsewhere or [path]))
            other = Estimate(CHANCE) if key == "chance" else other
            sides = {"own": own, "other": other}
            found.append(
                {"verdict": verdict(own, other, same=bool(elsewhere)), **sides} if own and other else None
            )
        if any(found):
            rows.append({"question": question, "verdicts": found})
    return rows


def verdict(own: Estimate, other: Estimate, *, same: bool = False) -> str:
    """ "yes", "no" or "undecided": whether `own` is above `other` with its whole interval or, if `same`,
    whether it is not below it."""
    low, high = (own.value if bound is None else bound for bound in (own.low, own.high))
    floor, top = (other.value if bound is None else bound for bound in (other.low, other.high))
    if same:
        return "no" if high < floor else "yes" if low > top else "no difference seen"
    return "yes" if low > top else "no" if high < floor else "undecided"
