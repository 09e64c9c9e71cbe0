"""Stage `face`: the face network that other systems build on, trained on training people's photos (or taken
ready-made), measured on unseen ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config, flatten
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.encoders import face
from deepfacegen.evaluation.metrics.speaker_verification import speaker_verification
from deepfacegen.stage import run_stage
from deepfacegen.tracking.run import Tracker
from deepfacegen.training.resume import Resume

OUT, PLOTS = Path("models/face"), Path("metrics/plots/face")


def resume_point(config: Config) -> Resume:
    return Resume("face", flatten("face", config.face), [Path("data/manifest")])


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    distributed.start()
    manifest, photos = Manifest.read(), FaceShards(Path("data/faces"))
    resume = resume_point(config)
    trained = face.train(config.face, manifest, photos, resume, tracker)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    face.save(OUT, config.face, trained, manifest.split("train").identities["identity_id"].tolist())
    trained.statistics.write_csv(PLOTS / "curves.csv")
    encoder = face.FaceEncoder(trained.network, distributed.device())
    verification = {}
    for name, split in (("seen", "train"), ("unseen", "test")):
        faces = manifest.split(split).faces
        verification[name] = speaker_verification(
            encoder.embed_rows(faces, photos).numpy(), faces["identity_id"].to_numpy()
        )
    resume.clear()
    return {"verification": verification, "effort": trained.effort.metrics(config.face.batch)}


if __name__ == "__main__":
    run_stage(
        "face", ("face",), main, Path("metrics/face.json"), state=lambda config: resume_point(config).path
    )
