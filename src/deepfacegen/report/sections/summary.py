"""The generator on the main page: its accuracy beside baselines, and the quality of its faces at both
temperatures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepfacegen.report.sections.pictures import sheet as contact_sheet
from deepfacegen.report.values import HEADLINE_PATHS, cell, estimates, generates, judged

BASELINES = (
    ("", "Generated face", ""),
    ("baselines.nearest_voice.", "Nearest voice", "photo of the training person with the nearest voice"),
    ("baselines.gender_face.", "Gender\u2019s mean face", "mean training face of women or of men"),
    ("baselines.mean_face.", "Mean face", "the same face for every voice"),
    ("upper_bound.", "Upper bound", "face with all that the voice determines, the rest at random"),
)
# Name, key ({} stands for the judge), whether it is a share, and what it says.
MEASURES = (
    ("Precision", "precision", True, "share of generated faces that are realistic"),
    ("Recall", "recall", True, "share of the variety of real faces that is reached"),
    ("Density", "density", False, "like precision, more robust"),
    ("Coverage", "coverage", True, "share of real faces with a generated near neighbour"),
    ("Fr\u00e9chet distance", "fd_{}", False, "0 for the same distribution"),
)


def view(name: str, metrics: dict[str, Any], picture: Path | None) -> dict[str, Any] | None:
    """None for a system that generates no face. Baselines: four cells, ungrouped and grouped by each kind."""
    if not generates(metrics):
        return None
    used = judged(metrics)
    rows = []
    for prefix, label, note in BASELINES:
        found = [estimates(metrics, f"{prefix}matching{k.suffix}", HEADLINE_PATHS[:2]) for k in used]
        cells = [e for pair in found for e in pair]
        if any(cells):
            kind = "reference" if prefix else "own"
            rows.append({"label": label, "note": note, "cells": cells, "kind": kind})
    return {
        "name": name,
        "kinds": used,
        "rows": rows,
        "quality": _quality(metrics),
        "temperatures": _temperatures(metrics),
        "sheet": contact_sheet(picture),
    }


def _temperatures(metrics: dict[str, Any]) -> list[float | None]:
    return [cell(metrics, f"{block}.temperature") for block in _blocks(metrics)]


def _blocks(metrics: dict[str, Any]) -> list[str]:
    """Of faces at the temperature in use and, where that is another, at temperature 1."""
    return [block for block in ("quality", "quality_temperature_1") if metrics.get(block)]


def _quality(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, form, as_percent, note in MEASURES:
        key = form.format(metrics.get("judge"))
        values = [cell(metrics, f"{block}.{key}") for block in _blocks(metrics)]
        if any(value is not None for value in values):
            real = cell(metrics, f"{_blocks(metrics)[0]}.{key}_real")
            rows.append({"name": name, "note": note, "values": [*values, real], "as_percent": as_percent})
    return rows
