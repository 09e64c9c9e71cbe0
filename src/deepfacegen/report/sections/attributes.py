"""Attributes of generated faces: gender, age and facial proportions, each against the real face."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import dots
from deepfacegen.report.values import POPULATIONS, Estimate, cell, estimate, words

CORRELATION = dots.Scale(-0.5, 1.0, 0.5, 0.0, "none", as_percent=False)
GENDERS = (("f", "Listed as woman"), ("m", "Listed as man"))


def view(metrics: dict[str, Any]) -> dict[str, Any] | None:
    found = metrics.get("attributes")
    if not found:
        return None
    return {
        "estimator": found.get("estimator"),
        "gender": [table for p in POPULATIONS if (table := _gender(found, p))],
        "age": [row for p in POPULATIONS if (row := _age(found, p))],
        "proportions": _proportions(found),
    }


def _gender(attributes: dict[str, Any], population: str) -> dict[str, Any] | None:
    found = cell(attributes, f"gender.{population}")
    if not found or not found.get("identities"):
        return None
    rows = []
    for listed, label in GENDERS:
        counts = [found.get(f"listed_{listed}_generated_{generated}", 0) for generated, _ in GENDERS]
        rows.append((label, [(count, count / sum(counts) if sum(counts) else None) for count in counts]))
    agreement = {"agreement": estimate(found, "agreement"), "on_real_faces": found.get("on_real_faces")}
    return {"population": population, "rows": rows, **agreement}


def _age(attributes: dict[str, Any], population: str) -> dict[str, Any] | None:
    found = cell(attributes, f"age.{population}")
    if not found or not found.get("identities"):
        return None
    return {**found, "population": population, "mae": estimate(found, "mae_years"), "r": estimate(found, "r")}


def _proportions(attributes: dict[str, Any]) -> dict[str, Any] | None:
    trees = {p: cell(attributes, f"craniofacial.{p}") or {} for p in POPULATIONS}
    labels = {name: words(name).capitalize() for tree in trees.values() for name in tree}
    if not labels:
        return None
    charts = []
    for population, tree in trees.items():
        rows = [
            dots.Row(
                label,
                (("centred", _correlation(tree, name)),),
                (("shuffled", cell(tree, f"{name}.shuffled_r"), "centred"),),
            )
            for name, label in labels.items()
        ]
        described = f"Correlation of generated with real face, {population} people, with 95 % intervals"
        chart = dots.dot_chart(rows, CORRELATION, described, names={"centred": "correlation"})
        if chart:
            charts.append((population, chart))
    table = [
        (label, [(_correlation(tree, name), cell(tree, f"{name}.shuffled_r")) for tree in trees.values()])
        for name, label in labels.items()
    ]
    return {"charts": charts, "rows": table, "populations": POPULATIONS}


def _correlation(tree: dict[str, Any], measure: str) -> Estimate | None:
    return estimate(tree.get(measure), "r", prefix="")
