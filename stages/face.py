"""Stage `face`: the face network that other systems build on, trained on training people's photos (or taken
ready-made), measured on unseen ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.encoders import face
from deepfacegen.evaluation.metrics.speaker_verification import speaker_verification
from deepfacegen.stage import run_stage
from deepfacegen.tracking.run import Tracker
from deepfacegen.training import inputs
from deepfacegen.training.resume import Resume


def resume_point(config: Config) -> Resume:
    return inputs.resume_point("face", "face", config.face)


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    distributed.start()
    data, resume = inputs.read_inputs(), resume_point(config)
    trained = face.train(config.face, data.manifest, data.photos, resume, tracker)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    face.save(inputs.MODELS / "face", config.face, trained, data.people)
    encoder = face.FaceEncoder(trained.network, distributed.device())
    verification = {}
    for name, split in (("seen", "train"), ("unseen", "test")):
        faces = data.manifest.split(split).faces
        embeddings = encoder.embed_rows(faces, data.photos).numpy()
        verification[name] = speaker_verification(embeddings, faces["identity_id"].to_numpy())
    inputs.finish(resume, trained.statistics, Path("metrics/plots/face"))
    return {"verification": verification, "effort": trained.effort.metrics(config.face.batch)}


if __name__ == "__main__":
    run_stage(
        "face", ("face",), main, Path("metrics/face.json"), state=lambda config: resume_point(config).path
    )
