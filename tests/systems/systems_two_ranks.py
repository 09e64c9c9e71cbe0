"""What test_systems_ranks.py runs on one rank and on two: short trainings on the tiny corpus, with a row of
the curves for every step."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import torch
from torch import nn

from deepfacegen import distributed
from deepfacegen.config.baselines import ContrastiveConfig, Speech2FaceConfig, SvhfConfig
from deepfacegen.config.systems import CycleganConfig, FaceConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.face_networks import FaceNet
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.contrastive import train as contrastive
from deepfacegen.systems.cyclegan import refine as cyclegan
from deepfacegen.systems.cyclegan import train as cyclegan_training
from deepfacegen.systems.speech2face import train as speech2face
from deepfacegen.systems.svhf import train as svhf
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics
from tests.shared.priors import tiny_prior

# Eight of six people in most steps: each batch spans the end of an epoch. Low learning rates, so that
# differences of rounding grow slowly.
FACE = FaceConfig(steps=12, batch=8, lr=1e-4, channels=4, embedding_dim=8, checkpoint_every=1000)
CONTRASTIVE = ContrastiveConfig(
    steps=20, members=3, hidden=8, components=4, covariate_weight=0.5, noise=0.1, checkpoint_every=1000
)
SPEECH2FACE = Speech2FaceConfig(
    batch=8, recogniser_steps=6, steps=12, recogniser_lr=1e-4, lr=1e-4, checkpoint_every=1000
)
# Through nine norms in a row some gradients are huge, and some next to 0. With Adam's usual epsilon, weights
# that begin one unit in the last place away give a loss that is a thousandth away two steps later, on one
# process. With this one, steps follow the gradient instead of its sign.
HEARD = dataclasses.replace(
    SPEECH2FACE, voice="spectrogram", clip_seconds=2.7, recogniser_steps=1, steps=4, eps=1e6
)
SVHF = SvhfConfig(
    image_size_px=32,
    channels=4,
    max_channels=8,
    dim=8,
    hidden=16,
    steps=12,
    batch=8,
    ways=2,
    lr=1e-4,
    checkpoint_every=1000,
)
CYCLEGAN = CycleganConfig(
    size_px=64,
    scale=4,
    attributes="even,low",
    channels=8,
    steps=12,
    batch=8,
    lr=1e-4,
    r1_every=4,
    backward="learned",
    checkpoint_every=1000,
)


def shown(faces: pd.DataFrame) -> pd.DataFrame:
    """Attributes of all photos; one of them is not known of two people, so that ranks hold different numbers
    of known ones."""
    person = faces["identity_id"].str[2:].astype(int)
    low = np.where(person < 2, np.nan, np.where(person < 4, 1.0, -1.0))
    return pd.DataFrame(
        {"even": np.where(person % 2 == 0, 1.0, -1.0), "low": low}, index=faces["photo_id"], dtype=np.float32
    )


@contextlib.contextmanager
def every_step() -> Iterator[None]:
    """A row of the curves for each step, whatever a training asks for."""
    told = functools.partial(Statistics, 1)
    with contextlib.ExitStack() as stack:
        for module in (face, contrastive, speech2face, svhf, cyclegan_training):
            stack.enter_context(mock.patch.object(module, "Statistics", lambda every, sink: told(sink)))
        yield


def curves(corpus: Path, scratch: Path) -> dict[str, dict[str, Any]]:
    """Name of the training -> its rows and a digest of the weights and buffers that it leaves on this
    rank."""
    manifest, audio, photos = (
        Manifest.read(corpus / "manifest"),
        AudioShards(corpus / "audio"),
        FaceShards(corpus / "faces"),
    )
    torch.manual_seed(0)
    encoder = speaker.VoiceEncoder(VoiceModel(dim=16, channels=16), torch.device("cpu"))
    recogniser = face.FaceEncoder(FaceNet(dim=8, channels=4), torch.device("cpu"))
    given = (manifest, audio, photos)
    told: dict[str, dict[str, Any]] = {}

    def resume(name: str) -> Resume:
        return Resume(name, {}, [], scratch)

    def keep(name: str, statistics: Statistics, *parts: nn.Module) -> None:
        told[name] = {"rows": statistics.rows, "digest": digest(*parts)}

    with every_step():
        known = face.train(FACE, manifest, photos, resume("face"))
        keep("face", known.statistics, known.network)
        matched = contrastive.train(CONTRASTIVE, *given, encoder, recogniser, resume("contrastive"))
        keep("contrastive", matched.statistics, matched.matcher)
        for name, config in (("speech2face", SPEECH2FACE), ("speech2face, spectrogram", HEARD)):
            drawn = speech2face.train(config, *given, recogniser, encoder, tiny_prior(), resume(name))
            keep(name, drawn.statistics, drawn.voice_net, drawn.decoder, drawn.classifier)
        chosen = svhf.train(SVHF, *given, encoder, None, resume("svhf"))
        keep("svhf", chosen.statistics, *chosen.networks.values())
        large = cyclegan.train(
            CYCLEGAN, manifest, photos, shown(manifest.faces), resume("cyclegan"), recogniser
        )
        keep("cyclegan", large.statistics, large.generator, large.critic)
    return told


def digest(*modules: nn.Module) -> str:
    tensors = [tensor for module in modules for tensor in module.state_dict().values()]
    return hashlib.sha256(b"".join(tensor.contiguous().numpy().tobytes() for tensor in tensors)).hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)
    distributed.start()
    found = curves(Path(sys.argv[1]), Path(sys.argv[2]))
    Path(sys.argv[2], f"{distributed.rank()}.json").write_text(json.dumps(found), encoding="utf-8")
    distributed.stop()
