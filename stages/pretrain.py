"""Stage `pretrain`: the voice encoder, trained to tell training people apart (or taken ready-made), and
measured on unseen ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config, flatten
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards
from deepfacegen.encoders import speaker
from deepfacegen.evaluation.metrics.speaker_verification import speaker_verification
from deepfacegen.stage import run_stage
from deepfacegen.systems.cgan import describe
from deepfacegen.tracking.run import Tracker
from deepfacegen.training.resume import Resume

OUT, PLOTS = Path("models/voice"), Path("metrics/plots/pretrain")


def resume_point(config: Config) -> Resume:
    return Resume("pretrain", flatten("pretrain", config.pretrain), [Path("data/manifest")])


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    describe.check_pretrain(config)
    distributed.start()
    manifest, shards = Manifest.read(), AudioShards(Path("data/audio"))
    resume = resume_point(config)
    model, curves, effort = speaker.pretrain(config.pretrain, manifest, shards, resume, tracker)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    speaker.save(OUT, config.pretrain, model, manifest.split("train").identities["identity_id"].tolist())
    curves.write_csv(PLOTS / "curves.csv")
    encoder = speaker.VoiceEncoder(model, distributed.device())
    verification = {}
    for name, split in (("seen", "train"), ("unseen", "test")):
        clips = manifest.split(split).clips
        speakers = speaker.pool(encoder.embed_windows(clips, shards))[:, : encoder.speaker_dim]
        verification[name] = speaker_verification(speakers.numpy(), clips["identity_id"].to_numpy())
    resume.clear()
    return {
        **(
            {"train": {"loss": curves.last("loss"), "accuracy": curves.last("accuracy")}}
            if curves.rows
            else {}
        ),
        "verification": verification,
        "effort": effort.metrics(config.pretrain.batch),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


if __name__ == "__main__":
    run_stage(
        "pretrain",
        ("pretrain",),
        main,
        Path("metrics/pretrain.json"),
        state=lambda config: resume_point(config).path,
        describe=describe.pretrain,
    )
