"""Stage `audio`: voices decoded, trimmed to their speech and packed as int16 shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen.config import Config
from deepfacegen.data import audio
from deepfacegen.data.sources import roots
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.tracking import Tracker

RAW, OUT, METRICS = Path("data/raw"), Path("data/audio"), Path("metrics/audio.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    inventory = pd.read_parquet(RAW / "voices/inventory.parquet")
    metrics = audio.extract(config.audio, inventory, roots.voices_root(config, RAW), OUT)
    audio.plot(OUT, plots_folder(METRICS))
    return metrics


if __name__ == "__main__":
    run_stage("audio", ("data", "audio"), main, METRICS, outs=[OUT])
