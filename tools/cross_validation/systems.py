"""A system, and what it needs, trained on the people of one fold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.schema import Config, EvaluateConfig, to_dict
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards
from deepfacegen.data.voiceless import Source
from deepfacegen.encoders import face, speaker
from deepfacegen.errors import UserError
from deepfacegen.evaluation import embeddings
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.systems import registry
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.prior import prior
from deepfacegen.systems.protocol import System
from deepfacegen.training import store
from deepfacegen.training.inputs import Inputs
from deepfacegen.training.resume import Resume

CGAN = "cgan"


class Precomputed:
    """A ready-made voice encoder that has embedded all clips already."""

    def __init__(self, encoder: speaker.VoiceEncoder, clips: pd.DataFrame, audio: AudioShards) -> None:
        self.embed, self.dim, self.model, self.speaker_dim = (
            encoder.embed,
            encoder.dim,
            encoder.model,
            encoder.speaker_dim,
        )
        self.described = encoder.embed_windows(clips, audio)
        self.row = pd.Series(np.arange(len(clips)), index=clips["clip_id"])

    def embed_windows(self, clips: pd.DataFrame, audio: AudioShards) -> Tensor:
        return self.described[self.row[clips["clip_id"]].to_numpy(copy=True)]


def ready_made(config: Config, clips: pd.DataFrame, audio: AudioShards) -> Precomputed | None:
    """The encoder of all folds, where others have trained it."""
    if config.pretrain.architecture != "ge2e":
        return None
    return Precomputed(speaker.VoiceEncoder(speaker.ready_made(), distributed.device()), clips, audio)


def encoder_for(
    config: Config, manifest: Manifest, audio: AudioShards, scratch: Path
) -> speaker.VoiceEncoder:
    """Trained on the manifest's training people."""
    model, _, _ = speaker.pretrain(config.pretrain, manifest, audio, Resume("voice", {}, [], root=scratch))
    return speaker.VoiceEncoder(model, distributed.device())


def stranger(folder: Path, manifest: Manifest, held_out: np.ndarray) -> prior.Prior:
    """The prior of a folder. Raises UserError if it was trained on people [N] of the manifest who are held
    out."""
    known = manifest.identities["identity_id"][held_out].isin(store.read_config(folder)["trained_on"])
    if known.any():
        raise UserError(f"--prior {folder}: trained on {known.sum()} people who are held out")
    return prior.load(folder)


def trained(
    name: str,
    config: Config,
    data: Inputs,
    encoder: Any,
    scratch: Path,
    start: prior.Prior | None = None,
    voiceless: Source | None = None,
) -> System:
    """A system of `registry.SYSTEMS`, trained on the training people of the data.

    encoder: a `speaker.VoiceEncoder`, or what stands for it. start: the prior of what generates faces; None
    trains one, too. voiceless: photos of people without voices, for the prior and the conditional GAN.
    """
    if name in registry.BASELINES:
        return stored(name, config, data, encoder, scratch)
    faces = data.manifest.split("train").faces
    more = [voiceless] if voiceless else []
    start = start or (
        prior.train(config.prior, [(faces, data.photos), *more], Resume("prior", {}, [], root=scratch)).prior
    )
    if name != CGAN:
        return stored(name, config, data, encoder, scratch, prior=start)
    resume, sources = Resume("train", {}, [], root=scratch), (data.manifest, data.audio, data.photos)
    found = cgan.train(config.train, *sources, encoder, start, resume, voiceless=voiceless)
    params, size_px = to_dict(config.train), found.sizes.image_size_px
    return cgan.Cgan(encoder, found.condition, found.generator, params, size_px, distributed.device())


def varied_faces(
    system: cgan.Cgan,
    settings: EvaluateConfig,
    judges: Mapping[str, embeddings.Embed],
    unseen: Population,
    audio: AudioShards,
) -> dict[str, np.ndarray]:
    """Embeddings [V, n, D] by judge of faces at temperature 1 with latents of their own for every clip; those
    that share their latents show few of the faces that a system can generate."""
    whole = system.at_temperature(1.0)
    voices = embeddings.describe_voices(whole, unseen.clips, audio)
    return embeddings.generate_varied(whole, judges, voices, settings.draws, settings.seed).embeddings


def stored(name: str, config: Config, data: Inputs, encoder: Any, scratch: Path, **built_on: Any) -> System:
    """A system other than the conditional GAN, with a face network trained on the same people (or the
    ready-made one). It is stored and loaded again, with the encoder's network."""
    models, sources = scratch / "models", (data.manifest, data.audio, data.photos)
    speaker.save(models / "voice", config.pretrain, encoder.model, data.people)
    face.save(
        models / "face",
        config.face,
        face.train(config.face, data.manifest, data.photos, Resume("face", {}, [], root=scratch)),
        data.people,
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
        system.train(section, *sources, encoder=encoder, recogniser=recogniser, resume=resume, **built_on),
        data.people,
    )
    return registry.load(name, models, distributed.device())
