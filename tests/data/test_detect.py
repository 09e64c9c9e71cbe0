"""YuNet on synthetic portraits: found where they are, at any size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepfacegen.data.faces.detect import Detector


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def test_one_portrait_is_one_face_with_its_points_in_order(detector: Detector, portrait: np.ndarray) -> None:
    found = detector.detect(portrait)
    assert len(found) == 1
    assert found.scores[0] > 0.8
    x, y, width, height = found.boxes[0]
    right_eye, left_eye, nose, right_mouth, left_mouth = found.points[0]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
    assert ((found.points[0] > [x, y]) & (found.points[0] < [x + width, y + height])).all()


@pytest.mark.parametrize("scale", [0.5, 4.0, 9.0])
def test_pixels_are_those_of_the_picture_given(
    detector: Detector, portrait: np.ndarray, scale: float
) -> None:
    resized = cv2.resize(
        portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    base, found = detector.detect(portrait), detector.detect(resized)
    assert len(found) == 1
    height = base.boxes[0, 3]
    assert np.abs(found.points[0] / scale - base.points[0]).max() < 0.06 * height
    assert found.boxes[0, 3] / scale == pytest.approx(height, rel=0.15)


def test_two_people_side_by_side_by_falling_score(detector: Detector, portrait: np.ndarray) -> None:
    pair = np.hstack([portrait, portrait[:, ::-1]])
    found = detector.detect(pair)
    assert len(found) == 2
    assert sorted(int(nose[0] > 224) for nose in found.points[:, 2]) == [0, 1]
    assert found.scores[0] >= found.scores[1]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (15, 15, 3), (17, 900, 3), (64, 64, 3)])
def test_nobody_in_an_empty_picture_of_any_size(detector: Detector, shape: tuple[int, ...]) -> None:
    found = detector.detect(np.full(shape, 127, dtype=np.uint8))
    assert len(found) == 0
    assert (found.boxes.shape, found.points.shape) == ((0, 4), (0, 5, 2))
