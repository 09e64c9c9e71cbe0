"""Stage `speech2face`: faces by way of the feature that a face network would give, drawn by the prior."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.encoders import face, speaker
from deepfacegen.stage import run_stage
from deepfacegen.systems.prior import prior
from deepfacegen.systems.speech2face import train as speech2face
from deepfacegen.tracking.run import Tracker
from deepfacegen.training import inputs, store
from deepfacegen.training.inputs import MODELS
from deepfacegen.training.resume import Resume

PLOTS = Path("metrics/plots/speech2face")


def resume_point(config: Config) -> Resume:
    return inputs.resume_point("speech2face", "speech2face", config.speech2face, "voice", "face", "prior")


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    distributed.start()
    device, params = distributed.device(), config.speech2face
    data, resume = inputs.read_inputs(), resume_point(config)
    recogniser, encoder = face.load(MODELS / "face", device), speaker.load(MODELS / "voice", device)
    faces = prior.load(MODELS / "prior")
    given = (data.manifest, data.audio, data.photos, recogniser, encoder, faces)
    trained = speech2face.train(params, *given, resume, tracker)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    record = store.read_config(MODELS / "prior").get("trained_on_photos")
    speech2face.save(MODELS / "speech2face", params, trained, data.people, record)
    losses = inputs.finish(resume, trained.statistics, PLOTS)
    return {"losses": losses, "effort": trained.effort.metrics(params.batch)}


if __name__ == "__main__":
    run_stage(
        "speech2face",
        ("speech2face",),
        main,
        Path("metrics/speech2face.json"),
        state=lambda config: resume_point(config).path,
    )
