"""How it learned, where the data went, and all that is needed to run it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepfacegen.config.schema import Config, to_dict
from deepfacegen.report import figures, media
from deepfacegen.report.collect import Collected
from deepfacegen.report.values import cell, flatten

GRIDS_SHOWN = 4
CURVES = {
    "pretrain": "Voice encoder",
    "train": "cgan: generator and discriminator",
    "face": "Face network",
    "refine": "cyclegan",
}
SPLITS = {"train": "Training", "val": "Choosing", "test": "Unseen"}
FACTS = (
    ("Versions", "versions"),
    ("Weights of others, sha256", "weights"),
    ("Trained weights, sha256", "models"),
)
COMMANDS = (
    ("make repro", "makes the environment from the lock and runs every stage that is not up to date"),
    ("dvc repro -f", "runs every stage again, inside the environment"),
    ("dvc exp run -S train.lr=1e-4", "runs one experiment with one parameter changed"),
    ("deepfacegen compare HEAD workspace", "shows two or more runs side by side"),
)


def training(found: Collected) -> dict[str, Any] | None:
    """Sample grids, evenly spaced over the training, and a chart for every curve."""
    grids = [
        {"step": step, "uri": media.jpeg_uri(_picture(path))}
        for step, path in _evenly(found.grids, GRIDS_SHOWN)
    ]
    curves = {}
    for stage, table in found.curves.items():
        steps = table["step"].to_numpy(dtype=float)
        columns = {str(name): table[name].to_numpy(dtype=float) for name in table.columns if name != "step"}
        curves[CURVES.get(stage, stage)] = figures.training_charts(steps, columns)
    return {"grids": grids, "curves": curves} if grids or curves else None


def accounting(found: Collected) -> dict[str, Any] | None:
    """Files kept and rejected by reason, and who is in which split."""
    stages: list[dict[str, Any]] = []
    for stage, label in (("audio", "Voice clips"), ("faces", "Photos and videos")):
        metrics = found.stages.get(stage)
        if metrics:
            reasons = {
                key.replace("_", " "): count
                for key, count in metrics.get("rejected", {}).items()
                if key != "all"
            }
            stages.append(
                {"label": label, "seen": metrics.get("seen"), "kept": metrics.get("kept"), "reasons": reasons}
            )
    identities = found.stages.get("manifest", {}).get("identities", {})
    splits = [
        {"name": label, **identities[name]}
        for name, label in SPLITS.items()
        if isinstance(identities.get(name), dict)
    ]
    names = sorted({reason for stage in stages for reason in stage["reasons"]})
    leaks = found.stages.get("manifest", {}).get("leaks")
    return (
        {"stages": stages, "reasons": names, "splits": splits, "leaks": leaks} if stages or splits else None
    )


def again(found: Collected, config: Config) -> dict[str, Any]:
    """Commands, parameters, seeds, versions and digests: what a second run must share with this one to give
    the same numbers."""
    parameters = to_dict(config)
    tables: dict[str, dict[str, str]] = {}
    for title, block in FACTS:
        for metrics in (*found.stages.values(), *found.systems.values()):
            tables.setdefault(title, {}).update(
                {key: str(value) for key, value in flatten(metrics.get(block) or {}).items()}
            )
    return {
        "commands": COMMANDS,
        "parameters": parameters,
        "seeds": [
            (section, values["seed"])
            for section, values in parameters.items()
            if isinstance(values, dict) and "seed" in values
        ],
        "data": [
            (name, cell(metrics, "data.source"), cell(metrics, "data.digest"))
            for name, metrics in found.systems.items()
        ],
        "tables": [(title, rows) for title, rows in tables.items() if rows],
    }


def _evenly(items: list[tuple[int, Path]], most: int) -> list[tuple[int, Path]]:
    """First, last and some between."""
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
