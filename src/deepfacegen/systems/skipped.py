"""A system that cannot be trained on so few people: in place of its model lies a file that says why, and the
pipeline goes on."""

from __future__ import annotations

import json
from pathlib import Path

FILE = "skipped.json"


def write(folder: Path, plots: Path, reason: str) -> dict[str, str]:
    """Leave the reason in the model's folder; returns the metrics of its stage, whose folder of plots stays
    empty."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps({"reason": reason}, indent=2) + "\n", encoding="utf-8")
    return metrics(plots, reason)


def read(folder: Path) -> str | None:
    """Why the system was skipped; None for one that was not."""
    path = folder / FILE
    return str(json.loads(path.read_text(encoding="utf-8"))["reason"]) if path.is_file() else None


def metrics(plots: Path, reason: str) -> dict[str, str]:
    """What a stage of a skipped system returns, and an empty folder of plots, which DVC wants to find."""
    plots.mkdir(parents=True, exist_ok=True)
    return {"skipped": reason}
