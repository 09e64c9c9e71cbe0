"""Stage `faces`: faces detected, aligned, gated and packed as uint8 shards."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.schema import Config, to_dict
from deepfacegen.data import estimates
from deepfacegen.data.faces import curate, photos
from deepfacegen.data.fanout.resume import resume_folder
from deepfacegen.data.sources import roots
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.tracking.run import Tracker

RAW, OUT, METRICS = Path("data/raw"), Path("data/faces"), Path("metrics/faces.json")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    inventory = RAW / "faces/inventory.parquet"
    points = None
    if config.faces.landmarks == "fan68":
        from deepfacegen.encoders import landmarks

        landmarks.weights_path()  # before any work starts
        points = landmarks.five_points
    resume = resume_folder("faces", to_dict(config.faces))
    estimates.check_faces(config.faces, inventory, OUT, resume)
    metrics = photos.extract(
        config.faces,
        inventory,
        roots.faces_root(config, RAW),
        roots.voices_root(config, RAW),
        OUT,
        resume,
        points,
    )
    if config.faces.flags != "none":
        embed = None if config.faces.flags == "hash" else _judge(config.faces.flags)
        metrics = curate.curate(config.faces, inventory, OUT, metrics, embed)
    photos.plot(OUT, plots_folder(METRICS))
    shutil.rmtree(resume, ignore_errors=True)
    return metrics


def _judge(name: str) -> curate.Embed:
    from deepfacegen.evaluation.embedders import judge

    return functools.partial(judge.embedded, name)


if __name__ == "__main__":
    run_stage("faces", ("data", "faces"), main, METRICS, outs=[OUT])
