"""Stage `train`: the conditional GAN, and a grid of faces for unseen voices as it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config, flatten
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.stage import run_stage
from deepfacegen.systems.cgan import describe
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.grids import SampleGrid
from deepfacegen.tracking.run import Tracker
from deepfacegen.training.resume import Resume

OUT, PLOTS = Path("models/cgan"), Path("metrics/plots/train")


def resume_point(config: Config) -> Resume:
    return Resume("train", flatten("train", config.train), [Path("data/manifest"), Path("models/voice")])


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    describe.check_train(config)
    distributed.start()
    manifest, audio, photos = Manifest.read(), AudioShards(Path("data/audio")), FaceShards(Path("data/faces"))
    encoder = speaker.load(Path("models/voice"), distributed.device())
    resume = resume_point(config)
    grid = SampleGrid(config.train, encoder, manifest, audio, photos, PLOTS / "samples")
    trained = cgan.train(config.train, manifest, audio, photos, encoder, resume, tracker, grid.after)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    cgan.save(OUT, config.train, trained, manifest.split("train").identities["identity_id"].tolist())
    curves = trained.statistics
    curves.write_csv(PLOTS / "curves.csv")
    resume.clear()
    return {
        "losses": curves.latest(),
        "condition": {"dim": trained.condition.dim, "explained_share_of_faces": trained.explained},
        "effort": trained.effort.metrics(config.train.batch),
        "parameters": {
            "generator": sum(p.numel() for p in trained.generator.parameters()),
            "discriminator": sum(p.numel() for p in trained.discriminator.parameters()),
        },
    }


if __name__ == "__main__":
    run_stage(
        "train",
        ("train",),
        main,
        Path("metrics/train.json"),
        state=lambda config: resume_point(config).path,
        describe=describe.train,
    )
