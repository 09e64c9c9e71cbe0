"""What test_pins.py runs on one rank and on two: a short training on the tiny corpus, with a row of the
curves for every step."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from unittest import mock

import torch

from deepfacegen import distributed
from deepfacegen.config.baselines import PinsConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.pins import train as pins
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics

# Eight of six people in every step: each batch spans the end of an epoch, and has somebody twice. All
# negatives count with this margin.
SMALL = PinsConfig(steps=20, batch=8, dim=16, tau_every=4, margin=1.9, checkpoint_every=1000)


def rows(corpus: Path, scratch: Path) -> list[dict[str, float]]:
    torch.manual_seed(0)
    encoder = speaker.VoiceEncoder(VoiceModel(dim=16, channels=16), torch.device("cpu"))
    every_step = functools.partial(Statistics, 1)
    with mock.patch.object(pins, "Statistics", lambda every, sink: every_step(sink)):
        manifest, audio, photos = (
            Manifest.read(corpus / "manifest"),
            AudioShards(corpus / "audio"),
            FaceShards(corpus / "faces"),
        )
        return pins.train(
            SMALL, manifest, audio, photos, encoder, None, Resume("pins", {}, [], scratch)
        ).statistics.rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    distributed.start()
    told = rows(Path(sys.argv[1]), Path(sys.argv[2]))
    Path(sys.argv[2], f"{distributed.rank()}.json").write_text(json.dumps(told), encoding="utf-8")
    distributed.stop()
