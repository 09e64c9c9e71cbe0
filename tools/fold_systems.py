"""The other systems for `tools/folds.py`, trained on the people of one fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.systems import registry
from deepfacegen.systems.protocol import System
from deepfacegen.training.resume import Resume


def trained(
    name: str,
    config: Config,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: Any,
    model: Any,
    scratch: Path,
) -> System:
    """A system of `registry.BASELINES` by the manifest's training people, with a face network by them (or the
    ready-made one).

    encoder: a `voice.VoiceEncoder`, or what stands for it in training; model: its network, which the system
    uses afterwards.
    """
    models, people = scratch / "models", manifest.split("train").identities["identity_id"].tolist()
    speaker.save(models / "voice", config.pretrain, model, people)
    face.save(
        models / "face",
        config.face,
        face.train(config.face, manifest, photos, Resume("face", {}, [], root=scratch)),
        people,
    )
    recogniser, section, system = (
        face.load(models / "face", distributed.device()),
        getattr(config, name),
        registry.module(name),
    )
    resume = Resume(name, {}, [], root=scratch)
    system.save(
        models / name,
        section,
        system.train(section, manifest, audio, photos, encoder=encoder, recogniser=recogniser, resume=resume),
        people,
    )
    return registry.load(name, models, distributed.device())
