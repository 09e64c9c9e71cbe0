"""Stage `manifest`: voices and faces joined, identities split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.quiet  # noqa: F401
from deepfacegen.config import Config
from deepfacegen.data import manifest
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.tracking import Tracker

OUT, METRICS = Path("data/manifest"), Path("metrics/manifest.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    metrics = manifest.build(config.split, Path("data/raw"), Path("data/audio"), Path("data/faces"), OUT)
    manifest.plot(OUT, plots_folder(METRICS))
    return metrics


if __name__ == "__main__":
    run_stage("manifest", ("split",), main, METRICS, outs=[OUT])
