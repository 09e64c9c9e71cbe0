"""What test_ranks.py runs on one rank and on two: short trainings on the tiny corpus, with a row of the
curves for every step."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

from deepfacegen import distributed
from deepfacegen.config.schema import PretrainConfig, PriorConfig, TrainConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.prior import prior, step
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics
from tests.shared.priors import tiny_prior

# Eight of six people in every step: each batch spans the end of an epoch. Low learning rates, so that
# differences of rounding grow slowly.
SMALL = TrainConfig(steps=40, adversary_from=4, batch=8, lr=3e-5, r1_every=4, checkpoint_every=1000)
PRIOR = PriorConfig(
    architecture="trained",
    image_size_px=32,
    code_dim=8,
    channels=8,
    max_channels=16,
    steps=20,
    adversary_from=8,
    flow_steps=5,
    batch=8,
    lr=1e-4,
    r1_every=4,
    checkpoint_every=1000,
)
VOICE = PretrainConfig(
    steps=20, batch=8, lr=1e-4, channels=32, embedding_dim=16, crop_seconds=1.0, checkpoint_every=1000
)


def curves(corpus: Path, scratch: Path) -> dict[str, dict[str, Any]]:
    """Name of the training -> its rows and a digest of the weights and buffers that it leaves on this
    rank."""
    manifest, audio, photos = (
        Manifest.read(corpus / "manifest"),
        AudioShards(corpus / "audio"),
        FaceShards(corpus / "faces"),
    )
    torch.manual_seed(0)
    encoder = speaker.VoiceEncoder(VoiceModel(dim=64, channels=16), torch.device("cpu"))
    told: dict[str, dict[str, Any]] = {}
    every_step = functools.partial(Statistics, 1)
    with (
        mock.patch.object(cgan, "Statistics", lambda every, sink: every_step(sink)),
        mock.patch.object(speaker, "Statistics", lambda every, sink: every_step(sink)),
        mock.patch.object(prior, "Statistics", lambda every, sink: every_step(sink)),
    ):
        sources = (manifest, audio, photos)
        trained = cgan.train(SMALL, *sources, encoder, tiny_prior(), Resume("cgan", {}, [], scratch))
        told["cgan"] = {
            "rows": trained.statistics.rows,
            "digest": digest(trained.condition, trained.generator, trained.discriminator),
        }
        model, statistics, _ = speaker.pretrain(VOICE, manifest, audio, Resume("voice", {}, [], scratch))
        faces = manifest.split("train").faces
        for name, half in (("prior", False), ("prior, bfloat16", True)):
            with mock.patch.object(step, "_has_bfloat16", lambda device, half=half: half):
                found = prior.train(PRIOR, [(faces, photos)], Resume(name, {}, [], scratch))
            told[name] = {"rows": found.statistics.rows, "digest": digest(*found.prior.parts.values())}
        told["voice"] = {"rows": statistics.rows, "digest": digest(model)}
    return told


def digest(*modules: nn.Module) -> str:
    tensors = [tensor for module in modules for tensor in module.state_dict().values()]
    return hashlib.sha256(b"".join(tensor.contiguous().numpy().tobytes() for tensor in tensors)).hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)
    distributed.start()
    told = curves(Path(sys.argv[1]), Path(sys.argv[2]))
    Path(sys.argv[2], f"{distributed.rank()}.json").write_text(json.dumps(told), encoding="utf-8")
    distributed.stop()
