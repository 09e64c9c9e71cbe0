"""Stage `faces`: faces detected, aligned, gated and packed as uint8 shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen.config import Config
from deepfacegen.data import faces
from deepfacegen.data.sources import roots
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.tracking import Tracker

RAW, OUT, METRICS = Path("data/raw"), Path("data/faces"), Path("metrics/faces.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    inventory = pd.read_parquet(RAW / "faces/inventory.parquet")
    metrics = faces.extract(config.faces, inventory, roots.faces_root(config, RAW), roots.voices_root(config, RAW), OUT)
    faces.plot(OUT, plots_folder(METRICS))
    return metrics


if __name__ == "__main__":
    run_stage("faces", ("data", "faces"), main, METRICS, outs=[OUT])
