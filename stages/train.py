"""Stage `train`: the conditional GAN, and a grid of faces for unseen voices as it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.data import voiceless
from deepfacegen.encoders import speaker
from deepfacegen.stage import run_stage
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.grids import SampleGrid
from deepfacegen.systems.prior import prior
from deepfacegen.tracking.run import Tracker
from deepfacegen.training import inputs
from deepfacegen.training.resume import Resume

PLOTS = Path("metrics/plots/train")


def resume_point(config: Config) -> Resume:
    return inputs.resume_point("train", "train", config.train, "voice", "prior")


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    distributed.start()
    data, resume = inputs.read_inputs(), resume_point(config)
    encoder = speaker.load(inputs.MODELS / "voice", distributed.device())
    start = prior.load(inputs.MODELS / "prior")
    sources = (data.manifest, data.audio, data.photos)
    grid = SampleGrid(config.train, start.sizes.image_size_px, encoder, *sources, PLOTS / "samples")
    more = voiceless.read()
    photos = more.source if more else None
    trained = cgan.train(config.train, *sources, encoder, start, resume, tracker, grid.after, photos)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    record = cgan.trained_on_photos(config.train, more, inputs.MODELS / "prior")
    cgan.save(inputs.MODELS / "cgan", config.train, trained, data.people, record)
    return {
        "losses": inputs.finish(resume, trained.statistics, PLOTS),
        "condition": {"dim": trained.condition.dim, "explained_share_of_faces": trained.explained},
        "effort": trained.effort.metrics(config.train.batch),
        "parameters": {
            "generator": sum(p.numel() for p in trained.generator.parameters()),
            "discriminator": sum(p.numel() for p in trained.discriminator.parameters()),
        },
    }


if __name__ == "__main__":
    run_stage(
        "train", ("train",), main, Path("metrics/train.json"), state=lambda config: resume_point(config).path
    )
