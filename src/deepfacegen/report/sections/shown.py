"""What the drawn face shows: gender, age, the proportions of the face, and all of it by how long one
listened."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import figures
from deepfacegen.report.values import POPULATIONS, Estimate, cell, estimate, kinds, words

CORRELATION = figures.Scale(-0.5, 1.0, 0.5, 0.0, "none", as_percent=False)
GENDERS = (("f", "Listed as woman"), ("m", "Listed as man"))


def view(metrics: dict[str, Any]) -> dict[str, Any] | None:
    shown = metrics.get("attributes")
    if not shown:
        return None
    return {
        "estimator": shown.get("estimator"),
        "gender": [table for p in POPULATIONS if (table := _gender(shown, p))],
        "age": [row for p in POPULATIONS if (row := _age(shown, p))],
        "proportions": _proportions(shown),
    }


def _gender(shown: dict[str, Any], population: str) -> dict[str, Any] | None:
    found = cell(shown, f"gender.{population}")
    if not found or not found.get("identities"):
        return None
    rows = []
    for listed, label in GENDERS:
        counts = [found.get(f"listed_{listed}_generated_{drawn}", 0) for drawn, _ in GENDERS]
        rows.append((label, [(count, count / sum(counts) if sum(counts) else None) for count in counts]))
    return {
        "population": population,
        "rows": rows,
        "agreement": estimate(found, "agreement"),
        "on_real_faces": found.get("on_real_faces"),
    }


def _age(shown: dict[str, Any], population: str) -> dict[str, Any] | None:
    found = cell(shown, f"age.{population}")
    if not found or not found.get("identities"):
        return None
    return {**found, "population": population, "mae": estimate(found, "mae_years"), "r": estimate(found, "r")}


def _proportions(shown: dict[str, Any]) -> dict[str, Any] | None:
    trees = {p: cell(shown, f"craniofacial.{p}") or {} for p in POPULATIONS}
    measures = list(dict.fromkeys(name for tree in trees.values() for name in tree))
    if not measures:
        return None
    charts = []
    for population, tree in trees.items():
        rows = [
            figures.Row(
                words(m).capitalize(),
                (("centred", _r(tree, m)),),
                (("shuffled", cell(tree, f"{m}.shuffled_r"), "centred"),),
            )
            for m in measures
        ]
        drawn = figures.dot_chart(
            rows,
            CORRELATION,
            f"Correlation of drawn with true face, {population} people, with 95 % intervals",
            names={"centred": "correlation"},
        )
        if drawn:
            charts.append((population, drawn))
    told = [
        (words(m).capitalize(), [(_r(trees[p], m), cell(trees[p], f"{m}.shuffled_r")) for p in POPULATIONS])
        for m in measures
    ]
    return {"charts": charts, "rows": told, "populations": POPULATIONS}


def _r(tree: dict[str, Any], measure: str) -> Estimate | None:
    return estimate(tree.get(measure), "r", prefix="")


def by_duration(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """Similarity and accuracy by seconds of speech: two charts and one table."""
    found = metrics.get("duration")
    if not found:
        return None
    seconds = sorted(found, key=float)
    used = tuple(
        kind
        for kind in kinds(metrics)
        if any(f"{rate}{kind.suffix}" in found[s] for s in seconds for rate in ("cosine", "accuracy"))
    )
    cosines = [[estimate(found[s], f"cosine{kind.suffix}") for s in seconds] for kind in used]
    accuracies = [[estimate(found[s], f"accuracy{kind.suffix}") for s in seconds] for kind in used]
    others = [found[s].get("cosine_others") for s in seconds]
    rows = [
        {
            "seconds": s,
            "cosines": [c[k] for c in cosines],
            "others": others[k],
            "accuracies": [a[k] for a in accuracies],
            "identities": found[s].get("identities"),
        }
        for k, s in enumerate(seconds)
    ]
    x = [float(s) for s in seconds]
    drawn = [_series(kind.mark, kind.name, x, values) for kind, values in zip(used, cosines, strict=True)]
    strangers = [(a, b) for a, b in zip(x, others, strict=True) if b is not None]
    floor = figures.Series(
        "others",
        "plain cosine with a stranger\u2019s face",
        [a for a, _ in strangers],
        [b for _, b in strangers],
    )
    ends = [v for s in (*drawn, floor) for v in (*(s.low or s.y), *(s.high or s.y))]
    ticks = figures.ticks(min(ends, default=0.0), max(ends, default=1.0))
    told = [_series(kind.mark, kind.name, x, values) for kind, values in zip(used, accuracies, strict=True)]
    chance = figures.Series("chance", "chance", [x[0], x[-1]], [0.5, 0.5])
    return {
        "kinds": used,
        "rows": rows,
        "similarity": figures.line_chart(
            drawn,
            "Cosine of drawn and true face by seconds of speech",
            x_form="{:g} s",
            x_ticks=x,
            y_ticks=ticks,
            as_percent=False,
            references=[floor],
        ),
        "accuracy": figures.line_chart(
            told,
            "Accuracy by seconds of speech",
            x_form="{:g} s",
            x_ticks=x,
            y_ticks=(0.4, 0.6, 0.8, 1.0),
            references=[chance],
        ),
    }


def _series(kind: str, name: str, x: list[float], values: list[Estimate | None]) -> figures.Series:
    found = [(a, e) for a, e in zip(x, values, strict=True) if e]
    low, high = (
        [e.value if (bound := getattr(e, end)) is None else bound for _, e in found]
        for end in ("low", "high")
    )
    return figures.Series(kind, name, [a for a, _ in found], [e.value for _, e in found], low, high)
