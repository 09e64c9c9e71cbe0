"""The speaking face in a film: linked from frame to frame, and nobody else's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.data.faces.track import best, speaker


def frame(*boxes: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)


def spoken(*frames: np.ndarray) -> list[int | None]:
    return speaker(frames, [np.full(len(boxes), 0.9, dtype=np.float32) for boxes in frames], 224, 224)


SPEAKER, PASSER_BY = (70, 60, 80, 100), (0, 20, 110, 140)


def test_one_face_in_every_frame_is_the_speaker() -> None:
    assert spoken(*[frame((70 + 6 * k, 60, 80, 100)) for k in range(5)]) == [0] * 5


def test_a_larger_passer_by_does_not_mix_in() -> None:
    """He comes first among the detections of two frames, is larger, and is alone in one, in which the speaker
    is not found."""
    frames = [
        frame(SPEAKER),
        frame(PASSER_BY, SPEAKER),
        frame((150, 20, 70, 160)),
        frame(SPEAKER),
        frame(SPEAKER),
    ]
    assert spoken(*frames) == [0, 1, None, 0, 0]


def test_the_order_of_detections_does_not_matter() -> None:
    frames = [frame(SPEAKER, PASSER_BY), frame(PASSER_BY, SPEAKER), frame(SPEAKER)]
    assert spoken(*frames) == [0, 1, 0]
    assert spoken(*[boxes[::-1] for boxes in frames]) == [1, 0, 0]


def test_a_face_that_comes_back_within_a_few_frames_is_the_same() -> None:
    gap = [frame()] * 2
    assert spoken(frame(SPEAKER), *gap, frame(SPEAKER)) == [0, None, None, 0]


def test_of_two_people_side_by_side_the_central_one_is_kept() -> None:
    frames = [frame((0, 60, 60, 80), (85, 60, 60, 80))] * 3
    assert spoken(*frames) == [1, 1, 1]


def test_nobody_at_all() -> None:
    assert spoken(frame(), frame()) == [None, None]
    assert spoken() == []


@given(
    st.lists(
        st.lists(st.tuples(*[st.integers(0, 200)] * 2, *[st.integers(1, 120)] * 2), max_size=4), max_size=8
    )
)
def test_a_chosen_detection_exists(boxes: list[list[tuple[int, int, int, int]]]) -> None:
    frames = [frame(*found) for found in boxes]
    places = spoken(*frames)
    assert len(places) == len(frames)
    assert all(place is None or 0 <= place < len(found) for place, found in zip(places, frames, strict=True))
    assert any(place is not None for place in places) == any(len(found) for found in frames)


@pytest.mark.parametrize(("count", "kept"), [(1, [2]), (2, [1, 2]), (3, [1, 2, 4]), (9, [0, 1, 2, 3, 4])])
def test_the_best_frames_are_sharp_frontal_and_large(count: int, kept: list[int]) -> None:
    sharpness, yaw, height = (
        np.array([1, 8, 9, 1, 5.0]),
        np.array([0.5, 0.2, 0.0, 0.4, 0.2]),
        np.array([50, 90, 90, 50, 80.0]),
    )
    assert best(sharpness, yaw, height, count).tolist() == kept


def test_of_equal_frames_the_first_are_kept() -> None:
    assert best(*[np.ones(5)] * 3, 2).tolist() == [0, 1]
