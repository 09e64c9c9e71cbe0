"""Stage `audio`: voices decoded, trimmed to their speech and packed as int16 shards."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.schema import Config, to_dict
from deepfacegen.data import estimates
from deepfacegen.data.audio import clips
from deepfacegen.data.fanout.resume import resume_folder
from deepfacegen.data.sources import roots
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.tracking.run import Tracker

RAW, OUT, METRICS = Path("data/raw"), Path("data/audio"), Path("metrics/audio.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    inventory = RAW / "voices/inventory.parquet"
    resume = resume_folder("audio", to_dict(config.audio))
    root = roots.voices_root(config, RAW)
    estimates.check_audio(config.audio, inventory, root, OUT, resume)
    metrics = clips.extract(config.audio, inventory, root, OUT, resume)
    clips.plot(OUT, plots_folder(METRICS))
    shutil.rmtree(resume, ignore_errors=True)
    return metrics


if __name__ == "__main__":
    run_stage("audio", ("data", "audio"), main, METRICS, outs=[OUT])
