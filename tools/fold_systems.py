"""What `tools/folds.py` needs of the other systems: trained on the people of one fold, and asked about its
unseen ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.evaluation.embeddings import Matrix
from deepfacegen.evaluation.protocol.population import Population
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

    encoder: a `voice.VoiceEncoder`, or what stands for it in training; model: its network, with which the
    system hears afterwards.
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


def own_scores(system: Any, population: Population, audio: AudioShards, photos: FaceShards) -> Matrix:
    """By a system that compares voices with faces itself."""
    clips: pd.DataFrame = population.clips
    voices = [
        audio.read(*place)
        for place in clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist()
    ]
    return Matrix(
        system.score(
            voices, photos.gather(population.faces["shard"].to_numpy(), population.faces["row"].to_numpy())
        )
    )
