"""The evaluation that a release reports: matching accuracy of its own weights, seen and unseen people."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from deepfacegen.errors import UserError

# Model folder -> the weights of it that a release holds.
PARTS = {"voice": ("encoder",), "cgan": ("condition", "generator")}
POPULATIONS, GROUPS = ("seen", "unseen"), ("ungrouped", "gender")
DIRECTION = "voice_to_face"
KEPT = ("accuracy", "ci95_low", "ci95_high", "trials", "identities")
AGAIN = "run the stage evaluate@cgan again"


def read(path: Path, models: Path) -> dict[str, Any]:
    """metrics/evaluate/cgan.json. Raises UserError if it is missing or of other weights than in `models`."""
    try:
        metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        why = "a release reports its accuracy, so evaluate first (dvc repro evaluate@cgan)"
        raise UserError(f"{path}: no such file; {why}") from None
    except ValueError:
        raise UserError(f"{path}: damaged; {AGAIN}") from None
    for name, parts in PARTS.items():
        for part in parts:
            weights = models / name / f"{part}.safetensors"
            if metrics.get("models", {}).get(f"{name}.{part}") != sha256(weights):
                raise UserError(f"{path}: measured with other weights than {weights}; {AGAIN}")
    return metrics


def matching(metrics: dict[str, Any]) -> dict[str, Any]:
    """`matching` and `matching_centred` by group and population, `oracle` and `judge` of an evaluation.

    A group in which nobody has an impostor is left out; `oracle` is empty where no gender is listed.
    """
    oracle = metrics["oracle"].get("gender", {}).get("matching", {})
    return {
        "judge": metrics["judge"],
        "direction": DIRECTION,
        "matching": _by_group(metrics["matching"], KEPT),
        "matching_centred": _by_group(metrics["matching_centred"], KEPT),
        "oracle": _by_group(oracle, ("accuracy",)),
    }


def _by_group(matching: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    cells = matching.get(DIRECTION, {})
    found: dict[str, Any] = {}
    for group in GROUPS:
        here = {name: cells[name][group] for name in POPULATIONS if group in cells.get(name, {})}
        if here:
            found[group] = {name: {key: cell.get(key) for key in keys} for name, cell in here.items()}
    return found


def sha256(path: Path) -> str:
    """Raises UserError when the file is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        advice = "run the stages before release first, as `dvc repro` does"
        raise UserError(f"{path}: no such file; {advice}") from None
