"""Stage `pretrain`: the voice encoder, trained to tell training people apart (or taken ready-made), and
measured on unseen ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.encoders import speaker
from deepfacegen.evaluation.metrics.speaker_verification import speaker_verification
from deepfacegen.stage import run_stage
from deepfacegen.tracking.run import Tracker
from deepfacegen.training import inputs
from deepfacegen.training.resume import Resume

PLOTS = Path("metrics/plots/pretrain")


def resume_point(config: Config) -> Resume:
    return inputs.resume_point("pretrain", "pretrain", config.pretrain)


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    distributed.start()
    data, resume = inputs.read_inputs(), resume_point(config)
    model, curves, effort = speaker.pretrain(config.pretrain, data.manifest, data.audio, resume, tracker)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    speaker.save(inputs.MODELS / "voice", config.pretrain, model, data.people)
    encoder = speaker.VoiceEncoder(model, distributed.device())
    verification = {}
    for name, split in (("seen", "train"), ("unseen", "test")):
        clips = data.manifest.split(split).clips
        speakers = speaker.pool(encoder.embed_windows(clips, data.audio))[:, : encoder.speaker_dim]
        verification[name] = speaker_verification(speakers.numpy(), clips["identity_id"].to_numpy())
    losses = inputs.finish(resume, curves, PLOTS)
    return {
        **({"train": losses} if losses else {}),
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
    )
