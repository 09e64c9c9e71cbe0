"""The default generator and discriminator."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from deepfacegen.systems.cgan.networks import Discriminator, Generator, widths_by_size


def test_widths_double_at_every_halving_up_to_the_limit() -> None:
    assert widths_by_size(64, 24, 128) == {32: 24, 16: 48, 8: 96, 4: 128}


@pytest.mark.parametrize("size", [32, 64, 128])
def test_shapes_at_every_image_size(size: int) -> None:
    generator = Generator(8, 4, size, 8, 16)
    face = generator(F.normalize(torch.randn(3, 8), dim=1), torch.randn(3, 4))
    assert face.shape == (3, 3, size, size)
    discriminator = Discriminator(8, 5, size, 8, 16)
    embedding, features = discriminator.trunk(face)
    assert features[0].shape[2] == size // 2
    assert discriminator.logits(embedding, torch.randn(3, 8)).shape == (3,)
    assert discriminator.identity(embedding).shape == (3, 5)


def test_voice_and_noise_both_change_the_face() -> None:
    torch.manual_seed(0)
    generator = Generator(8, 4, 32, 8, 16).eval()
    torch.nn.init.normal_(generator.picture.weight, std=0.1)
    voice, noise = F.normalize(torch.randn(2, 8), dim=1), torch.randn(2, 4)
    base = generator(voice[:1], noise[:1])
    assert (generator(voice[1:], noise[:1]) - base).abs().mean() > 1e-3
    assert (generator(voice[:1], noise[1:]) - base).abs().mean() > 1e-3


def test_a_generator_without_noise_takes_none() -> None:
    generator = Generator(8, 0, 32, 8, 16)
    assert generator(torch.randn(2, 8), torch.zeros(2, 0)).shape == (2, 3, 32, 32)


def test_the_logit_depends_on_the_voice() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(8, 5, 32, 8, 16)
    embedding, _ = discriminator.trunk(torch.randn(1, 3, 32, 32))
    a, b = (discriminator.logits(embedding, F.normalize(torch.randn(1, 8), dim=1)) for _ in range(2))
    assert (a - b).abs().item() > 1e-4


def test_an_untrained_generator_draws_the_linear_face() -> None:
    generator = Generator(8, 4, 32, 8, 16)
    for buffer in generator.linear.buffers():
        torch.nn.init.normal_(buffer)
    c, z = torch.randn(2, 8), torch.randn(2, 4)
    expected = generator.linear.mean + c @ generator.linear.by_condition + z @ generator.linear.by_noise
    torch.testing.assert_close(generator(c, z).flatten(1), expected)
