"""Stage `release`: everything needed to generate faces from voices in one small folder, with metrics, a card
and an ONNX model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.release import build, export, folder
from deepfacegen.stage import run_stage
from deepfacegen.tracking.run import Tracker

OUT, MODELS, METRICS = Path("models/release"), Path("models"), Path("metrics/release.json")
TRUTH = Path("data/raw/meta/truth.parquet")


def main(config: Config, tracker: Tracker) -> dict[str, Any]:
    encoder = speaker.load(MODELS / "voice", distributed.device())
    source = build.Source(
        models=MODELS,
        manifest=Manifest.read(),
        audio=AudioShards(Path("data/audio")),
        photos=FaceShards(Path("data/faces")),
        evaluated=Path("metrics/evaluate/cgan.json"),
        truth=TRUTH if config.data.source == "sample" else None,
    )
    examples = (
        config.release.examples if config.data.source == "sample" else 0
    )  # a release holds no real people
    traits = build.build(OUT, source, encoder, examples)
    exported = export.onnx_model(OUT, OUT / folder.ONNX)
    sizes = build.finish(OUT, exported)
    tracker.artifact(OUT / folder.CARD, "release")
    return {"traits": traits, "onnx": exported, "bytes": sizes}


if __name__ == "__main__":
    run_stage("release", ("data", "release"), main, METRICS, outs=[OUT])
