"""Stage `faces`: faces detected, aligned, gated and packed as uint8 shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepfacegen.config import Config, to_dict
from deepfacegen.data import faces
from deepfacegen.data.fanout.workbench import resume_root, workbench
from deepfacegen.data.sources import roots
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.tracking import Tracker

RAW, OUT, METRICS = Path("data/raw"), Path("data/faces"), Path("metrics/faces.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    inventory = RAW / "faces/inventory.parquet"
    points = None
    if config.faces.landmarks == "fan68":
        from deepfacegen.systems import landmarks

        landmarks.weights_path()  # before any work starts
        points = landmarks.five_points
    bench = workbench(resume_root("faces"), to_dict(config.faces))
    metrics = faces.extract(config.faces, inventory, roots.faces_root(config, RAW), roots.voices_root(config, RAW), OUT, bench, points)
    faces.plot(OUT, plots_folder(METRICS))
    bench.clear()
    return metrics


if __name__ == "__main__":
    run_stage("faces", ("data", "faces"), main, METRICS, outs=[OUT])
