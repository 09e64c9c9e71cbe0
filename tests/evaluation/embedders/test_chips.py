"""The fixed crop: the square that dlib itself would cut on average, and its geometry by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest

from deepfacegen.evaluation.embedders import chips
from tests.evaluation import orl


def ramp(side: int) -> np.ndarray:
    """A picture whose red tells the share of its width, green of its height: uint8 [S, S, 3]."""
    share = (np.arange(side) + 0.5) / side
    picture = np.zeros((side, side, 3))
    picture[..., 0], picture[..., 1] = share[None, :] * 200, share[:, None] * 200
    return np.round(picture).astype(np.uint8)


@pytest.mark.parametrize("side", [64, 128, 200])
@pytest.mark.parametrize(("size", "padding"), [(150, 0.25), (64, 0.2), (32, 0.2), (20, 0.0)])
def test_a_chip_shows_its_square_of_the_face(side: int, size: int, padding: float) -> None:
    chip = chips.cut(ramp(side)[None], size, padding)[0].astype(float) / 200
    edge = (np.arange(size) + 0.5) / size - 0.5
    for k, expected in enumerate(chips.CENTRE):
        share = expected + edge * chips.SIDE * (1 + 2 * padding)
        inside = (share > 0.02) & (share < 0.98)
        found = chip[size // 2, :, 0] if k == 0 else chip[:, size // 2, 1]
        np.testing.assert_allclose(found[inside], share[inside], atol=0.01)


def test_beyond_the_picture_its_border_goes_on() -> None:
    face = np.zeros((1, 64, 64, 3), dtype=np.uint8)
    face[:, -16:] = 200
    chip = chips.cut(face, 64, 1.0)[0]
    assert (chip[-5:] == 200).all()
    assert not chip[:20].any()


def test_dlib_cuts_the_same_picture_from_the_same_square() -> None:
    face = cv2.GaussianBlur(orl.aligned()[0][5], (0, 0), 2)
    half = chips.SIDE * 1.5 * 128 / 2
    x, y = (share * 128 - 0.5 for share in chips.CENTRE)
    square = dlib.drectangle(x - half + 0.5, y - half + 0.5, x + half - 0.5, y + half - 0.5)
    theirs = dlib.extract_image_chip(face, dlib.chip_details(square, dlib.chip_dims(150, 150)))
    ours = chips.cut(face[None], 150, 0.25)[0]
    inner = slice(5, -10)  # dlib's is black beyond the picture
    assert np.abs(theirs.astype(float) - ours)[inner, inner].mean() < 2.0


def test_the_square_is_that_of_points_found_anew() -> None:
    spec = importlib.util.find_spec("face_recognition_models")
    assert spec is not None
    assert spec.origin is not None
    predictor = dlib.shape_predictor(
        str(Path(spec.origin).parent / "models/shape_predictor_5_face_landmarks.dat")
    )
    found = []
    for face in orl.aligned()[0][::4]:
        padded = cv2.copyMakeBorder(face, *(32,) * 4, cv2.BORDER_REPLICATE)
        square = dlib.get_face_chip_details(
            predictor(padded, dlib.rectangle(50, 55, 142, 147)), 150, 0.0
        ).rect
        middle = np.array([square.left() + square.right(), square.top() + square.bottom()]) / 2 - 32 + 0.5
        found.append([*(middle / 128), (square.right() - square.left() + 1) / 128])
    np.testing.assert_allclose(np.mean(found, axis=0), [*chips.CENTRE, chips.SIDE], atol=0.03)


def test_no_faces_no_chips() -> None:
    assert chips.cut(np.empty((0, 64, 64, 3), dtype=np.uint8), 32, 0.2).shape == (0, 32, 32, 3)
