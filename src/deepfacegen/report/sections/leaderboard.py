"""All systems in one table: a row for every way to compare, with the judge and the trials."""

from __future__ import annotations

from typing import Any

from deepfacegen.report.sections.result import FRONT
from deepfacegen.report.values import (
    CENTRED,
    CHANCE,
    HEADLINE,
    PLAIN,
    Estimate,
    at,
    cell,
    estimate,
    estimates,
    kinds,
)

# Unseen people, voice to face: key, impostor group and rate.
RATES = (
    ("verification", "ungrouped", "auc"),
    ("verification", "ungrouped", "eer"),
    ("verification", "gender", "auc"),
)
RECALLS = ("recall_at_1", "recall_at_5", "recall_at_10", "map")


def view(systems: dict[str, dict[str, Any]], skipped: dict[str, str]) -> dict[str, Any]:
    """Rows: one for every way to compare of every system, cells in the order of HEADLINE; `skipped`: reason,
    by system."""
    rows = []
    for name, metrics in systems.items():
        front = at(metrics, "matching", FRONT)
        for kind in kinds(metrics):
            judge = f"judge {metrics.get('judge')}" if kind in (PLAIN, CENTRED) else "no judge"
            row = {"system": name, "label": f"{name}, {kind.name.lower()}", "judge": judge}
            cells = estimates(metrics, f"matching{kind.suffix}")
            rows.append({**row, "trials": front.trials if front else None, "cells": cells})
    return {
        "rows": rows,
        "oracle": estimates(next(iter(systems.values())), "oracle.gender.matching"),
        "chance": [Estimate(CHANCE)] * len(HEADLINE),
        "skipped": skipped,
        "same_people": len({str(cell(metrics, "data.digest")) for metrics in systems.values()}) == 1,
    }


def ranked(systems: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Verification and retrieval of unseen people by every system."""
    rows = [row for name, metrics in systems.items() for row in _verification(name, metrics)]
    first = next(filter(None, map(_retrieval, systems.values())), {})
    counts = {"gallery": first.get("gallery"), "chance": first.get("recall_at_1_chance")}
    return {"rows": rows, "rates": len(RATES), **counts} if rows else None


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
