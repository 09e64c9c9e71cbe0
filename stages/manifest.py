"""Stage `manifest`: voices and faces joined, identities split, held-out people removed from the photos
of people without voices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.schema import Config
from deepfacegen.data.manifest import build, held_out
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.tracking.run import Tracker

OUT, METRICS = Path("data/manifest"), Path("metrics/manifest.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    raw, faces = Path("data/raw"), Path("data/faces")
    metrics = build.build(config.split, raw, Path("data/audio"), faces, OUT)
    metrics |= held_out.build(config, raw, Path("data/voiceless"), faces, OUT)
    build.plot(OUT, plots_folder(METRICS))
    return metrics


if __name__ == "__main__":
    run_stage("manifest", ("data", "split"), main, METRICS, outs=[OUT])
