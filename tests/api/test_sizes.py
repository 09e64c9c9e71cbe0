"""Faces interpolated to another size: the values of a Lanczos filter, and which sizes there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepfacegen.api import sizes
from deepfacegen.errors import UserError


def lanczos(row: np.ndarray, size: int) -> np.ndarray:
    """A row [S] enlarged to `size` by the formula of the filter: sinc(x) sinc(x / 3) within three pixels."""
    centres = (np.arange(size) + 0.5) * len(row) / size - 0.5
    away = np.arange(len(row)) - centres[:, None]
    weights = np.where(np.abs(away) < 3, np.sinc(away) * np.sinc(away / 3), 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)) @ row


def test_a_larger_face_has_the_values_of_the_filter() -> None:
    row = np.random.default_rng(0).integers(60, 190, 64)
    faces = np.broadcast_to(row[:, None], (2, 3, 64, 64, 3)).astype(np.uint8)  # it differs across only
    large = sizes.resized(faces, 256)
    assert (large.shape, large.dtype) == ((2, 3, 256, 256, 3), np.uint8)
    expected = lanczos(row.astype(float), 256)
    assert np.abs(large[1, 2, 100, :, 0].astype(float) - expected).max() <= 1
    assert (large == large[0, 0, :1]).all()


def test_what_overshoots_is_clipped_and_a_plain_face_stays() -> None:
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, 32:] = 255  # the filter swings beyond 0 and 255 on both sides of it
    large = sizes.resized(edge[None], 128)[0]
    assert (large[:, :58].max(), large[:, 70:].min()) == (0, 255)  # not 251 or 4, as if it had wrapped
    assert (sizes.resized(np.full((1, 64, 64, 3), 77, np.uint8), 128) == 77).all()
    assert sizes.resized(edge, 64) is edge
    assert sizes.resized(np.full((1, 128, 128, 3), 9, np.uint8), 64).shape == (1, 64, 64, 3)


@pytest.mark.parametrize("size", [64, 128, 256, 32, np.int64(128)])
def test_sizes_there_are(size: Any) -> None:
    assert sizes.checked(size, own_px=32) == int(size)


@pytest.mark.parametrize("size", [0, 100, 512, -64, 64.5, "64", True, None])
def test_sizes_there_are_not(size: Any) -> None:
    with pytest.raises(UserError, match=r"^size_px: must be 64, 128 or 256, not "):
        sizes.checked(size, own_px=64)
