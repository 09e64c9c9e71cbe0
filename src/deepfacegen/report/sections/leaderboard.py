"""All systems in one table: one row each, with both cosines, the judge and the trials."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import figures
from deepfacegen.report.sections.result import FRONT
from deepfacegen.report.values import HEADLINE, at, kinds


def view(systems: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """None for fewer than two systems. Cells in the order of HEADLINE, each with one (kind, estimate) for every way to compare."""
    if len(systems) < 2:
        return None
    rows: list[dict[str, Any]] = []
    for name, metrics in systems.items():
        cells = [[(kind, at(metrics, f"matching{kind.suffix}", f"voice_to_face.{p}.{g}")) for kind in kinds(metrics)] for p, g in HEADLINE]
        front = at(metrics, "matching", FRONT)
        rows.append({"name": name, "cells": cells, "judge": metrics.get("judge"), "trials": front.trials if front else None})
    bars = [figures.Row(row["name"], tuple((kind.mark, found) for kind, found in row["cells"][0])) for row in rows]
    scale = figures.accuracy_scale([found for bar in bars for _, found in bar.dots])
    digests = {str(metrics.get("data", {}).get("digest")) for metrics in systems.values()}
    return {
        "rows": rows,
        "chart": figures.dot_chart(bars, scale, "Accuracy of every system, unseen people, any impostor, with 95 % intervals", wide=True),
        "same_people": len(digests) == 1,
    }
