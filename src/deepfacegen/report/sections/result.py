"""The first section of a system: its figures, the baselines beside them, and what the intervals settle."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import figures
from deepfacegen.report.values import CHANCE, GROUPS, HEADLINE, Estimate, Kind, at, cell, draws, kinds, spoken

FRONT = "voice_to_face.unseen.ungrouped"
SAME_GENDER = "voice_to_face.unseen.gender"
CEILING = "ceiling"
NO_BOUND = "faces drawn by one who knows all that the voice tells, before the judge: no bound for a system that draws none"
# Where the baselines lie in the metrics, their names, what they know. Those that are scored by a cosine have one row for each kind.
SCORED = (
    (CEILING, "Perfect listener", "knows all that the voice tells, invents the rest"),
    ("baselines.nearest_voice", "Nearest voice", "the true face of the training person who sounds most alike: retrieval instead of drawing"),
    ("baselines.gender_face", "Gender\u2019s mean face", "the mean training face of women or of men, by the listed gender: shows nothing else"),
    ("baselines.mean_face", "Mean face", "the mean training face stands for every voice"),
)
KNOWING = (
    ("oracle.gender_nationality", "Gender and nationality oracle", "knows both, and nothing else"),
    ("oracle.gender", "Gender oracle", "hears only whether a woman or a man speaks"),
)


def view(metrics: dict[str, Any]) -> dict[str, Any]:
    """Headlines, chart, table and verdicts."""
    used = kinds(metrics)
    return {
        "draws": draws(metrics),
        "kinds": used,
        "headlines": [(kind, found) for kind in used if (found := at(metrics, f"matching{kind.suffix}", FRONT))],
        "against": _against(metrics, used),
        "chart": _chart(metrics, used),
        "references": _references(metrics),
        "rows": table(metrics),
        "verdicts": verdicts(metrics, used),
        "judge": metrics.get("judge"),
        "nearest_voice": cell(metrics, "baselines.nearest_voice.matching.voice_to_face.seen") is not None,
        "counts": {population: cell(metrics, f"data.{population}") or {} for population in ("seen", "unseen")},
    }


def table(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the headline table: the system's own, then every baseline that is there, then chance. Four cells each, as in HEADLINE."""
    rows = [_row(metrics, kind.name, kind.note, f"matching{kind.suffix}", "own") for kind in kinds(metrics)]
    for prefix, name, note in SCORED:
        used = kinds(metrics)
        labels = [f"{name}, {kind.name.split()[0].lower()}" if len(used) > 1 else name for kind in used]
        known = NO_BOUND if prefix == CEILING and not draws(metrics) else note
        rows += [_row(metrics, label, known, f"{prefix}.matching{kind.suffix}", "reference") for label, kind in zip(labels, used, strict=True)]
    rows += [_row(metrics, name, note, f"{prefix}.matching", "reference") for prefix, name, note in KNOWING]
    rows.append({"label": "Chance", "note": "a coin", "kind": "reference", "cells": [Estimate(CHANCE)] * len(HEADLINE)})
    return [row for row in rows if any(row["cells"])]


def _row(metrics: dict[str, Any], label: str, note: str, key: str, kind: str) -> dict[str, Any]:
    cells = [at(metrics, key, f"voice_to_face.{population}.{group}") for population, group in HEADLINE]
    return {"label": label, "note": note, "kind": kind, "cells": cells}


def _against(metrics: dict[str, Any], used: tuple[Kind, ...]) -> list[tuple[str, list[Estimate | None], int]]:
    """What stands beside the big figures, in one table for all of them: (label, one value per kind, digits)."""

    def values(key: str, path: str = FRONT) -> list[Estimate | None]:
        return [at(metrics, key.format(kind.suffix), path) for kind in used]

    way = "Way from chance to perfect"
    progress = [cell(metrics, f"progress.matching{kind.suffix}.{FRONT}") if draws(metrics) else None for kind in used]
    if any(share is not None and share > 1 for share in progress):
        way = "Way from chance to a perfect listener\u2019s faces, which invent what no voice tells; a more typical face can pass them"
    rows: list[tuple[str, list[Estimate | None], int]] = [
        ("Chance", [Estimate(CHANCE)] * len(used), 1),
        ("Stranger of the same gender", values("matching{}", SAME_GENDER), 1),
        ("Knowing the gender alone", values("oracle.gender.matching"), 1),
        ("The nearest voice\u2019s face", values("baselines.nearest_voice.matching{}"), 1),
        ("A perfect listener" if draws(metrics) else "A perfect listener\u2019s drawn faces, no bound here", values("ceiling.matching{}"), 1),
        (way, [None if share is None else Estimate(share) for share in progress], 0),
    ]
    return [(label, found, digits) for label, found, digits in rows if any(found)]


def _chart(metrics: dict[str, Any], used: tuple[Kind, ...]) -> str:
    rows = []
    for population, group in HEADLINE:
        path = f"voice_to_face.{population}.{group}"
        dots = tuple((kind.mark, at(metrics, f"matching{kind.suffix}", path)) for kind in used)
        ceilings = [("ceiling", cell(metrics, f"ceiling.matching{kind.suffix}.{path}.accuracy"), kind.mark) for kind in used]
        oracle = ("oracle", cell(metrics, f"oracle.gender.matching.{path}.accuracy"), None)
        rows.append(figures.Row(f"{population.capitalize()}, {GROUPS[group]}", dots, (oracle, *ceilings)))
    scale = figures.accuracy_scale([found for row in rows for _, found in row.dots])
    return figures.dot_chart(rows, scale, "Accuracy, voice to face, choice of two, with 95 % intervals", wide=True, names=spoken(used))


def _references(metrics: dict[str, Any]) -> list[str]:
    return [name for name, key in (("oracle", "oracle.gender.matching"), ("ceiling", "ceiling.matching")) if cell(metrics, f"{key}.{FRONT}")]


def verdicts(metrics: dict[str, Any], used: tuple[Kind, ...]) -> list[dict[str, Any]]:
    """Questions with one answer per kind, by one rule: an interval must lie wholly on one side of what it is compared with."""
    questions = (
        ("Better than chance?", FRONT, ("chance",)),
        ("Better than chance among people of one gender?", SAME_GENDER, ("chance",)),
        ("Better than knowing the gender alone?", FRONT, ("oracle.gender.matching",)),
        ("Better than knowing gender and nationality?", FRONT, ("oracle.gender_nationality.matching",)),
        ("Better than the mean face for everybody?", FRONT, ("baselines.mean_face.matching{}",)),
        ("Better than the mean face of the gender?", FRONT, ("baselines.gender_face.matching{}",)),
        ("Better than the true face of the nearest voice?", FRONT, ("baselines.nearest_voice.matching{}",)),
        ("As good on unseen people as on seen ones?", FRONT, ("matching{}", "voice_to_face.seen.ungrouped")),
    )
    rows = []
    for question, path, (key, *elsewhere) in questions:
        answers = []
        for kind in used:
            own = at(metrics, f"matching{kind.suffix}", path)
            other = Estimate(CHANCE) if key == "chance" else at(metrics, key.format(kind.suffix), elsewhere[0] if elsewhere else path)
            answers.append({"answer": answer(own, other, same=bool(elsewhere)), "own": own, "other": other} if own and other else None)
        if any(answers):
            rows.append({"question": question, "answers": answers})
    return rows


def answer(own: Estimate, other: Estimate, *, same: bool = False) -> str:
    """ "yes", "no" or "not settled": whether `own` is above `other` with its whole interval or, if `same`, whether it is not below it."""
    low, high = (own.value if bound is None else bound for bound in (own.low, own.high))
    floor, top = (other.value if bound is None else bound for bound in (other.low, other.high))
    if same:
        return "no" if high < floor else "yes" if low > top else "no difference seen"
    return "yes" if low > top else "no" if high < floor else "not settled"
