"""Stage `photos`: faces from photos of people without voices (data.photos_root), prepared as those of the
stage `faces`. With data.photos_root null, an empty folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.paths import located
from deepfacegen.config.schema import Config, to_dict
from deepfacegen.data import estimates
from deepfacegen.data.faces import photos
from deepfacegen.data.fanout.resume import resume_folder
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.data.sources import photo_folder
from deepfacegen.stage import run_stage
from deepfacegen.tracking.run import Tracker

OUT, METRICS = Path("data/voiceless"), Path("metrics/photos.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    if config.data.photos_root is None:
        return photos.nothing(OUT)
    points = None
    if config.faces.landmarks == "fan68":
        from deepfacegen.encoders import landmarks

        landmarks.weights_path()  # before any work starts
        points = landmarks.five_points
    root, passed, inventory = located(config.data.photos_root), PassedOver(), OUT / "inventory.parquet"
    pq.write_table(photo_folder.inventory(root, config.data.file_sizes, passed), inventory)
    passed.write(OUT / "passed_over.csv")
    resume = resume_folder("photos", to_dict(config.faces))
    estimates.check_faces(config.faces, inventory, OUT, resume)
    metrics = photos.extract(config.faces, inventory, root, root, OUT, resume, points)
    shutil.rmtree(resume, ignore_errors=True)
    return {**metrics, "ignored": dict(sorted(passed.counts.items()))}


if __name__ == "__main__":
    run_stage("photos", ("data", "faces"), main, METRICS, outs=[OUT])
