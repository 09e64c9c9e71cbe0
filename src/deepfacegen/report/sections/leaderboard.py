"""All systems in one table: one row each, with both cosines, the judge and the trials."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import figures
from deepfacegen.report.sections.result import FRONT
from deepfacegen.report.values import (
    CENTRED,
    FEATURES,
    HEADLINE,
    PLAIN,
    at,
    cell,
    draws,
    estimate,
    kinds,
    spoken,
)

# Of the whole pairs of unseen people, any impostor: where in the metrics, and which value there.
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
    rows: list[dict[str, Any]] = []
    for name, metrics in systems.items():
        cells = [
            [
                (kind, at(metrics, f"matching{kind.suffix}", f"voice_to_face.{p}.{g}"))
                for kind in kinds(metrics)
            ]
            for p, g in HEADLINE
        ]
        front = at(metrics, "matching", FRONT)
        judge = metrics.get("judge") if draws(metrics) else "itself"
        rows.append({"name": name, "cells": cells, "judge": judge, "trials": front.trials if front else None})
    bars = [
        figures.Row(
            row["name"],
            tuple((kind.mark, found) for kind, found in row["cells"][0]),
            names=spoken(kinds(systems[row["name"]])),
        )
        for row in rows
    ]
    scale = figures.accuracy_scale([found for bar in bars for _, found in bar.dots])
    digests = {str(metrics.get("data", {}).get("digest")) for metrics in systems.values()}
    return {
        "rows": rows,
        "skipped": skipped,
        "chart": figures.dot_chart(
            bars,
            scale,
            "Accuracy of every system, unseen people, any impostor, with 95 % intervals",
            wide=True,
        ),
        "marks": [
            (mark, text)
            for mark, text in MARKS
            if any(mark == kind.mark for row in rows for kind, found in row["cells"][0] if found)
        ],
        "same_people": len(digests) == 1,
        "asked": [row for name, metrics in systems.items() for row in _asked(name, metrics)],
        "gallery": next((found["gallery"] for found in map(_retrieval, systems.values()) if found), None),
        "chance": next(
            (found["recall_at_1_chance"] for found in map(_retrieval, systems.values()) if found), None
        ),
    }


def _asked(name: str, metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Verification and retrieval of unseen people, voice to face: a row for every way to compare."""
    rows = []
    for kind in kinds(metrics):
        rates = [
            estimate(cell(metrics, f"{key}{kind.suffix}.voice_to_face.unseen.{group}"), rate)
            for key, group, rate in RATES
        ]
        recalls = [estimate(_retrieval(metrics, kind.suffix), recall) for recall in RECALLS]
        if any(rates) or any(recalls):
            rows.append({"label": f"{name}, {kind.name.lower()}", "cells": rates + recalls})
    return rows


def _retrieval(metrics: dict[str, Any], suffix: str = "") -> dict[str, Any] | None:
    found: dict[str, Any] | None = cell(metrics, f"retrieval{suffix}.voice_to_face.unseen")
    return found
