"""metrics/headline.json: the few figures that `dvc metrics show` and `dvc exp show` print, all of unseen
people. All others stand in metrics/evaluate/<system>.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepfacegen.report.collect import FIRST, Collected
from deepfacegen.report.values import cell

PATH = Path("metrics/headline.json")
DIGITS = 4
MATCHING = "matching.voice_to_face.unseen"
# Key -> where it stands in metrics/evaluate/cgan.json. Short, for a table that is as wide as its keys.
OWN = {
    f"{FIRST}_gender": f"{MATCHING}.gender.accuracy",
    f"{FIRST}_precision": "quality.precision",
    f"{FIRST}_recall": "quality.recall",
    "nearest_voice": f"baselines.nearest_voice.{MATCHING}.ungrouped.accuracy",
}


def headline(found: Collected) -> dict[str, float]:
    """Key -> figure, of all that were measured. Not more than 24, or the tables become too wide."""
    own: dict[str, Any] = found.systems.get(FIRST, {})
    figures = {name: cell(every, f"{MATCHING}.ungrouped.accuracy") for name, every in found.systems.items()}
    figures |= {key: cell(own, path) for key, path in OWN.items()}
    figures[f"{FIRST}_fd"] = cell(own, f"quality.fd_{own.get('judge')}")
    figures |= {
        f"{name}_db": cell(one.figures, "psnr_db.guessed.refined") for name, one in found.refined.items()
    }
    figures["voice_eer"] = cell(found.stages.get("pretrain", {}), "verification.unseen.eer")
    return {key: round(float(value), DIGITS) for key, value in figures.items() if value is not None}
