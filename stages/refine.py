"""Stage `refine`: the conditional CycleGAN, which draws large faces from low-res ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config, flatten
from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest import attributes
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.evaluation import attribute_labels
from deepfacegen.stage import run_stage
from deepfacegen.systems.cyclegan import refine as cyclegan
from deepfacegen.tracking.run import Tracker
from deepfacegen.training.resume import Resume

MODELS, PLOTS, RAW = Path("models"), Path("metrics/plots/refine"), Path("data/raw")


def resume_point(config: Config) -> Resume:
    return Resume(
        "refine",
        flatten("cyclegan", config.cyclegan),
        [Path("data/manifest"), MODELS / "face", MODELS / "voice"],
    )


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    chosen = attributes.resolved(config.cyclegan, config.data.source)
    distributed.start()
    manifest, photos = Manifest.read(), FaceShards(Path("data/faces"))
    table = attribute_labels.table(chosen, manifest, photos, RAW)
    encoder = face.load(MODELS / "face", distributed.device()) if chosen.identity else None
    train = manifest.split("train")
    heard = speaker.pool(
        speaker.load(MODELS / "voice", distributed.device()).embed_windows(
            train.clips, AudioShards(Path("data/audio"))
        )
    )
    resume = resume_point(config)
    trained = cyclegan.train(chosen, manifest, photos, table, resume, encoder, heard, tracker)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    judges = encoder.trained_with if encoder is not None else []
    cyclegan.save(MODELS / "cyclegan", chosen, trained, train.identities["identity_id"].tolist(), judges)
    trained.statistics.write_csv(PLOTS / "curves.csv")
    resume.clear()
    return {"losses": trained.statistics.latest(), "effort": trained.effort.metrics(chosen.batch)}


if __name__ == "__main__":
    run_stage(
        "refine",
        ("data", "cyclegan"),
        main,
        Path("metrics/refine.json"),
        state=lambda config: resume_point(config).path,
    )
