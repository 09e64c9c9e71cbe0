"""What a FAN sees and says: cuts and heat maps with known places, for any box and picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.encoders import fan

REFERENCE = 165.0


def brightest(faces: torch.Tensor) -> list[torch.Tensor]:
    """Stands for the network: 68 equal maps of how bright the picture is, cell by cell."""
    return [torch.nn.functional.avg_pool2d(faces.mean(dim=1, keepdim=True), 4).expand(-1, fan.POINTS, -1, -1)]


def spot(height: int, width: int, x: float, y: float, radius: float) -> np.ndarray:
    """A dark picture with one bright soft dot."""
    down, across = np.mgrid[:height, :width]
    return np.repeat(
        (255 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * radius**2))).astype(np.uint8)[..., None],
        3,
        axis=2,
    )


@given(
    st.floats(-40, 500),
    st.floats(-40, 400),
    st.floats(20, 300),
    st.floats(20, 300),
    st.floats(0.3, 0.7),
    st.floats(0.3, 0.7),
)
def test_a_dot_in_a_box_is_found_where_it_is(
    x: float, y: float, width: float, height: float, across: float, down: float
) -> None:
    where = np.array([x + across * width, y + down * height])
    side = fan.SCALE * (width + height) / REFERENCE
    picture = spot(420, 560, *where, side / 64)
    if picture.max() < 200:  # outside the picture
        return
    found = fan.landmarks(
        brightest, [picture], np.array([[x, y, width, height]]), REFERENCE, torch.device("cpu")
    )
    assert found.shape == (1, 68, 2)
    assert np.abs(found[0] - where).max() < 0.02 * side  # a cell is side / 64


def test_batches_of_pictures_of_any_size_are_answered_in_order() -> None:
    pictures = [spot(100 + 20 * i, 300 - 10 * i, 60 + 5 * i, 50 + 4 * i, 4) for i in range(7)]
    boxes = np.array([[30.0, 20, 70, 60]] * 7)
    found = fan.landmarks(brightest, pictures, boxes, REFERENCE, torch.device("cpu"), batch=3)
    assert np.abs(found[:, 0] - [(60 + 5 * i, 50 + 4 * i) for i in range(7)]).max() < 3
    assert fan.landmarks(brightest, [], np.empty((0, 4)), REFERENCE, torch.device("cpu")).shape == (0, 68, 2)


def test_a_box_wholly_outside_sees_black() -> None:
    assert fan.cut(np.full((50, 50, 3), 200, dtype=np.uint8), np.array([500, 500, 600, 600])).max() == 0


def test_a_peak_leans_to_its_higher_neighbour_and_not_at_the_edge() -> None:
    maps = torch.zeros(1, 68, 64, 64)
    maps[0, :, 10, 20], maps[0, :, 10, 21], maps[0, :, 9, 20] = 1.0, 0.5, 0.25
    maps[0, 1] = 0.0
    maps[0, 1, 0, 5] = 1.0
    found = fan.places(maps)[0] * 64
    assert found[0].tolist() == pytest.approx([20.75, 10.25])
    assert found[1].tolist() == pytest.approx([5.5, 0.5])


def test_five_of_68_are_eyes_nose_and_mouth() -> None:
    all_points = np.arange(68.0)[:, None].repeat(2, axis=1)
    assert fan.five(all_points)[:, 0].tolist() == [38.5, 44.5, 30, 48, 54]
    assert fan.five(np.stack([all_points] * 3)).shape == (3, 5, 2)
