"""Each change of a training face by hand: what zero strength leaves, mirrors, shifts, turns, light, grey, and
the hidden square."""

from __future__ import annotations

import pytest
import torch

from deepfacegen.training.augment import DRAWS, Strength, augment

NONE = Strength(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, mirror=False)


def faces(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def draws(count: int = 2, **numbers: float) -> torch.Tensor:
    """Numbers in the middle of their range, where nothing is turned, scaled or shifted."""
    u = torch.full((count, DRAWS), 0.5)
    for name, value in numbers.items():
        u[:, int(name[1:])] = value
    return u


def test_zero_strength_leaves_faces_as_they_are() -> None:
    x = faces()
    torch.testing.assert_close(augment(x, torch.rand(2, DRAWS), NONE), x, atol=1e-5, rtol=0)


def test_half_of_the_faces_are_mirrored() -> None:
    x = faces()
    mirror = Strength(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, mirror=True)
    torch.testing.assert_close(augment(x, draws(d0=0.49), mirror), x.flip(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(augment(x, draws(d0=0.51), mirror), x, atol=1e-5, rtol=0)


def test_a_shift_moves_by_that_share_of_the_side_and_continues_the_border() -> None:
    x = faces()
    moved = augment(x, draws(d3=1.0), Strength(0.0, 0.0, 1 / 8, 0.0, 0.0, 0.0, 0.0, mirror=False))
    torch.testing.assert_close(moved[..., :-4], x[..., 4:], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[..., -4:], x[..., -1:].expand(-1, -1, -1, 4), atol=1e-5, rtol=0)


def test_a_quarter_turn_is_that_of_rot90() -> None:
    x = faces()
    turned = augment(x, draws(d2=1.0), Strength(torch.pi / 2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, mirror=False))
    torch.testing.assert_close(turned, torch.rot90(x, 1, (2, 3)), atol=1e-4, rtol=0)


def test_light_contrast_and_grey() -> None:
    x = faces()
    torch.testing.assert_close(
        augment(x, draws(d7=1.0), Strength(0, 0, 0, 0, 0.2, 0, 0, mirror=False)), x + 0.2, atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        augment(x, draws(d6=0.0), Strength(0, 0, 0, 0.3, 0, 0, 0, mirror=False)), 0.7 * x, atol=1e-5, rtol=0
    )
    grey = augment(x, draws(d5=0.05), Strength(0, 0, 0, 0, 0, 0.1, 0, mirror=False))
    torch.testing.assert_close(grey, x.mean(dim=1, keepdim=True).expand_as(x), atol=1e-5, rtol=0)


def test_a_square_is_hidden_around_its_place() -> None:
    hidden = (
        augment(faces() + 3, draws(d8=0.75, d9=0.25), Strength(0, 0, 0, 0, 0, 0, 0.25, mirror=False)) == 0
    )
    rows, columns = hidden[0, 0].any(dim=1).nonzero()[:, 0], hidden[0, 0].any(dim=0).nonzero()[:, 0]
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 11, 20, 27)
    assert hidden.sum() == 2 * 3 * 8 * 8


@pytest.mark.parametrize("part", [slice(0, None, 2), slice(1, None, 2)])
def test_a_rank_changes_its_faces_as_one_process_does(part: slice) -> None:
    x, u = faces(6), torch.rand(6, DRAWS, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(augment(x[part], u[part], Strength()), augment(x, u, Strength())[part])
