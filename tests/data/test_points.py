"""EvaluationProtocol for points, gathered over works: the same answers to the same askers, whatever the batch, and
results in order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.data.faces import landmarks as pts


def work(number: int, questions: int) -> pts.Work[list[float]]:
    """Asks so often; tells its number and the answers."""
    heard = [float(number)]
    for turn in range(questions):
        picture = np.full((2, 2, 3), number, dtype=np.uint8)
        answer = yield pts.Question(
            picture, np.array([turn, 0, 1, 1], dtype=np.float32), np.full((5, 2), -1.0, dtype=np.float32)
        )
        heard.append(float(answer[0, 0]))
    return heard


class Oracle:
    """Answers with 1000 * picture + box; remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, pictures: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        self.batches.append(len(pictures))
        told = [
            1000.0 * float(picture[0, 0, 0]) + box[0] for picture, box in zip(pictures, boxes, strict=True)
        ]
        return np.repeat(np.array(told, dtype=np.float32), 10).reshape(-1, 5, 2)


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 9))
def test_every_asker_is_told_its_own_answers_in_order(questions: list[int], batch: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pts, "BATCH_FACES", batch)
        oracle = Oracle()
        results = list(pts.answered((work(i, n) for i, n in enumerate(questions)), oracle))
    assert results == [[float(i), *(1000.0 * i + turn for turn in range(n))] for i, n in enumerate(questions)]
    assert sum(oracle.batches) == sum(questions)
    assert max(oracle.batches, default=0) <= batch


def test_batches_are_full_while_there_is_work() -> None:
    oracle = Oracle()
    list(pts.answered((work(i % 200, 3) for i in range(256)), oracle))
    assert oracle.batches == [64] * 12


def test_vast_pictures_do_not_wait_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pts, "BATCH_BYTES", 20)  # two pictures of 12 bytes
    oracle = Oracle()
    list(pts.answered((work(i, 1) for i in range(6)), oracle))
    assert oracle.batches == [2, 2, 2]


def test_without_a_network_the_detector_answers() -> None:
    assert list(pts.answered((work(i, 2) for i in range(3)), None)) == [
        [0.0, -1.0, -1.0],
        [1.0, -1.0, -1.0],
        [2.0, -1.0, -1.0],
    ]
    assert pts.by_detector(work(7, 0)) == [7.0]
