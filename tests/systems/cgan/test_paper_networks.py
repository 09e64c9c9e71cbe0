"""The paper's networks against the sizes published for them, and, as they are computed on a CPU, against
their plain layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from deepfacegen.encoders.speaker_networks import WenEncoder
from deepfacegen.systems.cgan.paper_networks import WenDiscriminator, WenGenerator


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
    assert network.logits(embedding, torch.zeros(3, 64)).shape == (3,)


def gradients(network: nn.Module, out: Callable[[], Tensor]) -> list[Tensor]:
    """Of a sum that weighs every output differently, with respect to all parameters."""
    value = out()
    weights = torch.randn(value.shape, generator=torch.Generator().manual_seed(1))
    return list(
        torch.autograd.grad(
            (weights * value).sum(), list(network.parameters()), allow_unused=True, materialize_grads=True
        )
    )


@torch.no_grad()
def assert_same(found: list[Tensor], expected: list[Tensor]) -> None:
    """Equal but for the rounding of float32, beside the largest value of each tensor."""
    for ours, plain in zip(found, expected, strict=True):
        assert float((ours - plain).abs().max()) <= 1e-4 * max(float(plain.abs().max()), 1e-6)


LAYOUTS = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])


@LAYOUTS
@pytest.mark.parametrize("batch", [1, 19])  # 19: more than one part
def test_generator_draws_and_learns_what_its_layers_do(layout: torch.memory_format, batch: int) -> None:
    torch.manual_seed(0)
    generator = WenGenerator().to(memory_format=layout)
    condition = torch.randn(batch, 64, requires_grad=True)
    drawn, plain = generator(condition, torch.zeros(batch, 0)), generator.layers(condition[:, :, None, None])
    assert_same([drawn], [plain])
    to_condition = [torch.autograd.grad(faces.square().sum(), condition)[0] for faces in (drawn, plain)]
    assert_same(to_condition[:1], to_condition[1:])
    ours = gradients(generator, lambda: generator(condition, torch.zeros(batch, 0)))
    assert_same(ours, gradients(generator, lambda: generator.layers(condition[:, :, None, None])))


def test_generator_draws_in_other_precisions() -> None:
    generator, condition = WenGenerator().double(), torch.randn(2, 64, dtype=torch.float64)
    assert torch.allclose(
        generator(condition, condition), generator.layers(condition[:, :, None, None]), rtol=1e-9
    )


@LAYOUTS
@pytest.mark.parametrize("batch", [1, 19])
def test_face_network_sees_and_learns_what_its_layers_do(layout: torch.memory_format, batch: int) -> None:
    torch.manual_seed(0)
    network = WenDiscriminator(5).to(memory_format=layout)
    faces = torch.randn(batch, 3, 64, 64).contiguous(memory_format=layout)
    embedding, features = network.trunk(faces)
    plain = [faces]
    for stage in network.stages:
        plain.append(stage(plain[-1]))
    assert_same([embedding, *features], [network.embed(plain[-1]).flatten(1), *plain[3:]])
    ours = gradients(network, lambda: network.trunk(faces)[0])
    assert_same(ours, gradients(network, lambda: network.embed(network.stages(faces)).flatten(1)))


def test_face_network_has_the_gradient_penalty_of_its_layers() -> None:
    torch.manual_seed(0)
    network, faces = WenDiscriminator(5), torch.randn(19, 3, 64, 64, requires_grad=True)

    def penalty(embedding: Tensor) -> list[Tensor]:
        (gradient,) = torch.autograd.grad(embedding.square().sum(), faces, create_graph=True)
        return list(
            torch.autograd.grad(gradient.square().sum(), [*network.stages.parameters(), network.embed.weight])
        )

    assert_same(penalty(network.trunk(faces)[0]), penalty(network.embed(network.stages(faces)).flatten(1)))
