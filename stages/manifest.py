"""Stage `manifest`: voices and faces joined, identities split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.schema import Config
from deepfacegen.data.manifest import build
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.tracking.run import Tracker

OUT, METRICS = Path("data/manifest"), Path("metrics/manifest.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    metrics = build.build(config.split, Path("data/raw"), Path("data/audio"), Path("data/faces"), OUT)
    build.plot(OUT, plots_folder(METRICS))
    return metrics


if __name__ == "__main__":
    run_stage("manifest", ("split",), main, METRICS, outs=[OUT])
