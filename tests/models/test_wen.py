"""The paper's networks against the sizes published for them."""

from __future__ import annotations

import torch

from deepfacegen.models.voice import WenEncoder
from deepfacegen.models.wen import WenDiscriminator, WenGenerator


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_voice_network_has_the_published_size_and_steps() -> None:
    encoder = WenEncoder(64)
    assert count(encoder) == 2_670_720
    for frames, steps in ((300, 10), (800, 25), (1000, 32)):
        assert encoder.layers(torch.zeros(2, 64, frames)).shape == (2, 64, steps)


def test_generator_has_the_published_size() -> None:
    generator = WenGenerator()
    assert count(generator) == 12_191_875
    assert generator(torch.zeros(2, 64), torch.zeros(2, 0)).shape == (2, 3, 64, 64)


def test_face_network_has_the_published_size() -> None:
    network = WenDiscriminator(924)
    assert count(network.stages) + count(network.embed) == 3_310_720
    assert count(network.real) == 64
    assert count(network.identity) == 59_136


def test_face_network_shapes() -> None:
    network = WenDiscriminator(5)
    embedding, features = network.trunk(torch.zeros(3, 3, 64, 64))
    assert embedding.shape == (3, 64)
    assert [f.shape[1:] for f in features] == [(128, 16, 16), (256, 8, 8), (512, 4, 4)]
    assert network.judge(embedding, torch.zeros(3, 64)).shape == (3,)
