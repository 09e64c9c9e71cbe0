"""The default discriminator: shapes, where it begins, and that it sees the condition."""

from __future__ import annotations

import pytest
import torch

from deepfacegen.systems.cgan.discriminator import Discriminator
from deepfacegen.systems.prior.networks import RealFace


@pytest.mark.parametrize("size", [32, 64, 128])
def test_shapes_at_every_image_size(size: int) -> None:
    discriminator = Discriminator(5, 7, (size, 8, 16))
    embedding, _ = discriminator.trunk(torch.randn(3, 3, size, size))
    assert discriminator.logits(embedding, torch.randn(3, 5)).shape == (3,)
    assert discriminator.identity(embedding).shape == (3, 7)


def test_a_discriminator_begins_as_the_priors_whatever_the_condition() -> None:
    torch.manual_seed(0)
    prior, discriminator = RealFace(32, 8, 16), Discriminator(5, 7, (32, 8, 16))
    discriminator.face.load_state_dict(prior.state_dict())
    faces = torch.randn(4, 3, 32, 32)
    embedding, features = discriminator.trunk(faces)
    logits, others = prior(faces)
    torch.testing.assert_close(discriminator.logits(embedding, 9 * torch.randn(4, 5)), logits)
    for own, other in zip(features, others, strict=True):
        torch.testing.assert_close(own, other)


def test_the_logit_learns_to_depend_on_the_condition() -> None:
    """The last weights begin at 0, but their gradient does not."""
    torch.manual_seed(0)
    discriminator = Discriminator(5, 7, (32, 8, 16))
    faces, conditions = torch.randn(1, 3, 32, 32), torch.randn(2, 5)
    optimiser = torch.optim.Adam(discriminator.parameters(), 1e-3)
    embedding, _ = discriminator.trunk(faces)
    discriminator.logits(embedding, conditions[:1]).sum().backward()
    optimiser.step()
    embedding = discriminator.trunk(faces)[0].detach()
    a, b = (discriminator.logits(embedding, condition[None]) for condition in conditions)
    assert (a - b).abs().item() > 1e-4
