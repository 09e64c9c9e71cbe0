"""Oriented gradients against edges whose direction is known."""

from __future__ import annotations

import math

import torch

from deepfacegen.encoders.gradients import oriented_gradients


def ramp(degrees: float) -> torch.Tensor:
    """A face-sized picture that brightens evenly in one direction (0: to the right, 90: downwards)."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    angle = math.radians(degrees)
    return (0.01 * (math.cos(angle) * (x - 32) + math.sin(angle) * (y - 32))).expand(1, 3, 64, 64)


def shares(faces: torch.Tensor) -> torch.Tensor:
    """Share of each of the 9 orientations over the whole picture [B, 9]."""
    energy = oriented_gradients(faces).square().view(len(faces), 9, 4 * 49).sum(dim=2)
    return energy / energy.sum(dim=1, keepdim=True)


def test_an_edge_falls_into_the_orientation_of_its_gradient() -> None:
    assert shares(ramp(0))[0, 0] > 0.99
    across = shares(ramp(80))[0]  # 80 degrees and, in the mirror, 100: bins of 20 degrees number 4 and 5
    assert across[4] > 0.4
    assert across[5] > 0.4
    # Half-way between two bins, each gets half.
    between = shares(ramp(90))[0]
    torch.testing.assert_close(between[4], between[5])
    assert between[4] > 0.45


def test_a_gradient_and_its_opposite_are_the_same() -> None:
    torch.testing.assert_close(
        oriented_gradients(ramp(30)), oriented_gradients(ramp(210)), atol=1e-5, rtol=1e-4
    )


def test_light_contrast_and_mirroring_do_not_matter() -> None:
    face = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    described = oriented_gradients(face)
    assert described.shape == (3, 1764)
    assert torch.isfinite(described).all()
    torch.testing.assert_close(oriented_gradients(0.5 * face + 0.3), described, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(oriented_gradients(face.flip(3)), described)
    assert (described[0] - described[1]).abs().max() > 0.05


def test_an_even_picture_has_no_gradients() -> None:
    assert oriented_gradients(torch.full((1, 3, 64, 64), 0.7)).abs().max() < 1e-3
