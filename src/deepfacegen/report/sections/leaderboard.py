"""All systems in one table: one row each, with both cosines, the judge and the trials."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import dots
from deepfacegen.report.sections.result import FRONT
from deepfacegen.report.values import (
    CENTRED,
    FEATURES,
    PLAIN,
    at,
    cell,
    chart_names,
    estimate,
    estimates,
    generates,
    kinds,
)

# Unseen people, voice to face: key, impostor group and rate.
RATES = (
    ("verification", "ungrouped", "auc"),
    ("verification", "ungrouped", "eer"),
    ("verification", "gender", "auc"),
)
RECALLS = ("recall_at_1", "recall_at_5", "recall_at_10", "map")
MARKS = (
    (CENTRED.mark, "centred cosine"),
    (PLAIN.mark, "plain cosine or, of a system that generates no face, its own score"),
    (FEATURES.mark, "own features of a system that generates and compares"),
)


def view(systems: dict[str, dict[str, Any]], skipped: dict[str, str]) -> dict[str, Any] | None:
    """None for fewer than two systems, skipped ones (name: why) included.

    Cells in the order of HEADLINE, each with one (kind, estimate) for every way to compare."""
    if len(systems) + len(skipped) < 2:
        return None
    rows, bars = [], []
    for name, metrics in systems.items():
        used = kinds(metrics)
        columns = zip(*(estimates(metrics, f"matching{kind.suffix}") for kind in used), strict=True)
        cells = [list(zip(used, column, strict=True)) for column in columns]
        front = at(metrics, "matching", FRONT)
        judge = metrics.get("judge") if generates(metrics) else "itself"
        rows.append({"name": name, "cells": cells, "judge": judge, "trials": front.trials if front else None})
        bars.append(dots.Row(name, tuple((k.mark, e) for k, e in cells[0]), names=chart_names(used)))
    present = {mark for bar in bars for mark, found in bar.dots if found}
    chart = dots.accuracy_chart(
        bars, "Accuracy of every system, unseen people, ungrouped, with 95 % intervals", wide=True
    )
    ranked = next(filter(None, map(_retrieval, systems.values())), {})
    return {
        "rows": rows,
        "skipped": skipped,
        "chart": chart,
        "marks": [(mark, text) for mark, text in MARKS if mark in present],
        "same_people": len({str(cell(metrics, "data.digest")) for metrics in systems.values()}) == 1,
        "verification": [row for name, metrics in systems.items() for row in _verification(name, metrics)],
        "gallery": ranked.get("gallery"),
        "chance": ranked.get("recall_at_1_chance"),
    }


def _verification(name: str, metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Verification and retrieval of unseen people, voice to face: a row for every way to compare."""
    rows = []
    for kind in kinds(metrics):
        pairs = [
            (cell(metrics, f"{key}{kind.suffix}.voice_to_face.unseen.{g}"), rate) for key, g, rate in RATES
        ]
        cells = [estimate(found, rate) for found, rate in pairs]
        cells += [estimate(_retrieval(metrics, kind.suffix), recall) for recall in RECALLS]
        if any(cells):
            rows.append({"label": f"{name}, {kind.name.lower()}", "cells": cells})
    return rows


def _retrieval(metrics: dict[str, Any], suffix: str = "") -> dict[str, Any] | None:
    found: dict[str, Any] | None = cell(metrics, f"retrieval{suffix}.voice_to_face.unseen")
    return found
