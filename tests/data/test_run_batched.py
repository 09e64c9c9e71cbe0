"""Requests for points, batched over works: each work gets its own points, whatever the batch, and results
come in order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.data.faces import landmarks
from deepfacegen.data.faces.landmarks import LandmarkRequest, Work, by_detector, run_batched


def work(number: int, requests: int) -> Work[list[float]]:
    """Makes so many requests; returns its number and what it was sent."""
    received = [float(number)]
    for turn in range(requests):
        picture = np.full((2, 2, 3), number, dtype=np.uint8)
        box, by_detector = (
            np.array([turn, 0, 1, 1], dtype=np.float32),
            np.full((5, 2), -1.0, dtype=np.float32),
        )
        points = yield LandmarkRequest(picture, box, by_detector)
        received.append(float(points[0, 0]))
    return received


class Network:
    """Every coordinate is 1000 * picture + box; remembers the sizes of the batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, pictures: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        self.batches.append(len(pictures))
        values = [1000.0 * float(p[0, 0, 0]) + box[0] for p, box in zip(pictures, boxes, strict=True)]
        return np.repeat(np.array(values, dtype=np.float32), 10).reshape(-1, 5, 2)


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 9))
def test_every_work_gets_its_own_points_in_order(requests: list[int], batch: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landmarks, "BATCH_FACES", batch)
        network = Network()
        results = list(run_batched((work(i, n) for i, n in enumerate(requests)), network))
    assert results == [[float(i), *(1000.0 * i + turn for turn in range(n))] for i, n in enumerate(requests)]
    assert sum(network.batches) == sum(requests)
    assert max(network.batches, default=0) <= batch


def test_batches_are_full_while_there_is_work() -> None:
    network = Network()
    list(run_batched((work(i % 200, 3) for i in range(256)), network))
    assert network.batches == [64] * 12


def test_vast_pictures_do_not_wait_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmarks, "BATCH_BYTES", 20)  # two pictures of 12 bytes
    network = Network()
    list(run_batched((work(i, 1) for i in range(6)), network))
    assert network.batches == [2, 2, 2]


def test_without_a_network_the_points_are_the_detectors() -> None:
    results = list(run_batched((work(i, 2) for i in range(3)), None))
    assert results == [[0.0, -1.0, -1.0], [1.0, -1.0, -1.0], [2.0, -1.0, -1.0]]
    assert by_detector(work(7, 0)) == [7.0]
