"""Predicted against true features: distances by hand and by scipy, retrieval, and the same people at every
length of speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.metrics.features import Regressor, by_features, distances
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.systems.protocol import FaceGenerator

RATE = 16_000
PEOPLE, PHOTOS = 12, 2
SECONDS = [7.0] * 9 + [2.0] * 3  # of each of two clips: nine people reach 10 s, three only 4 s


class Audio:
    """A clip's samples are all the number of its person."""

    def read(self, shard: int, offset: int, length: int) -> np.ndarray:
        return np.full(length, offset, dtype=np.int16)


class Photos(FaceShards):
    """A photo's pixels are all the number of its person."""

    def __init__(self) -> None:
        pass

    def gather(self, shards: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.broadcast_to(
            (np.asarray(rows) // PHOTOS).astype(np.uint8)[:, None, None, None], (len(rows), 2, 2, 3)
        )


class Slow:
    """Everybody's feature is an axis of their own; from less than three seconds it predicts person 0's."""

    def voice_features(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        return (
            2
            * np.eye(PEOPLE, dtype=np.float32)[
                [voice[0] if len(voice) >= 3 * RATE else 0 for voice in voices]
            ]
        )

    def face_features(self, faces: np.ndarray) -> np.ndarray:
        return np.eye(PEOPLE, dtype=np.float32)[faces[:, 0, 0, 0]]


def population() -> Population:
    owner = np.repeat(np.arange(PEOPLE), 2)
    length = (np.repeat(SECONDS, 2) * RATE).astype(int)
    clips = pd.DataFrame({"person": owner, "shard": 0, "offset_samples": owner, "length_samples": length})
    faces = pd.DataFrame(
        {"person": np.repeat(np.arange(PEOPLE), PHOTOS), "shard": 0, "row": np.arange(PEOPLE * PHOTOS)}
    )
    return Population("unseen", pd.DataFrame({"identity_id": range(PEOPLE)}), clips, faces)


def found(people: Population, resamples: int = 200) -> dict:
    return by_features(Slow(), people, Audio(), Photos(), resamples, 0)  # type: ignore[arg-type]


def test_a_system_that_predicts_features_is_known_by_what_it_offers() -> None:
    assert isinstance(Slow(), Regressor)
    assert not isinstance(Slow(), FaceGenerator)


def test_distances_and_retrieval_by_hand_at_every_length() -> None:
    metrics = found(population())
    assert set(metrics) == {"1", "3", "6", "10"}
    assert all(cell["identities"] == 9 for cell in metrics.values())
    for seconds in ("3", "6", "10"):  # 2 e_i against e_i, and against e_j
        cell = metrics[seconds]
        assert (cell["angle_degrees"], cell["l1"], cell["l2"]) == pytest.approx((0.0, 1.0, 1.0))
        assert (cell["angle_degrees_others"], cell["l1_others"], cell["l2_others"]) == pytest.approx(
            (90.0, 3.0, 5**0.5)
        )
        assert cell["retrieval"]["recall_at_1"] == cell["retrieval"]["map"] == 1.0
        assert cell["retrieval"]["gallery"] == 18
        assert cell["retrieval"]["recall_at_1_chance"] == pytest.approx(2 / 18)
    # After one second everybody is person 0.
    assert metrics["1"]["angle_degrees"] == pytest.approx(90 * 8 / 9)
    assert metrics["1"]["angle_degrees_ci95_low"] <= 80 <= metrics["1"]["angle_degrees_ci95_high"]
    assert metrics["1"]["angle_degrees_others"] == pytest.approx((90 + 8 * 90 * 7 / 8) / 9)
    assert metrics["1"]["retrieval"]["recall_at_1"] == pytest.approx(1 / 9)


def test_people_without_a_photo_are_left_out() -> None:
    people = population()
    without = Population(
        "unseen",
        people.identities,
        people.clips,
        people.faces[people.faces["person"] != 4].reset_index(drop=True),
    )
    metrics = found(without)
    assert metrics["6"]["identities"] == 8
    assert metrics["6"]["retrieval"]["recall_at_1"] == 1.0


def test_nothing_is_computed_from_too_little_speech() -> None:
    people = population()
    assert (
        found(Population("unseen", people.identities, people.clips.assign(length_samples=10), people.faces))
        == {}
    )
    assert set(
        found(
            Population(
                "unseen", people.identities, people.clips.assign(length_samples=2 * RATE), people.faces
            )
        )
    ) == {"1", "3"}


def test_distances_are_those_of_scipy_and_people_count_equally() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(80), rng.integers(1, 5, 80))  # more than one block
    predicted, true = (
        rng.normal(size=(80, 6)).astype(np.float32),
        rng.normal(size=(len(owner), 6)).astype(np.float32),
    )
    metrics = distances(predicted, true, owner, 200, 0)
    between = {"l1": cdist(predicted, true, "cityblock"), "l2": cdist(predicted, true)}
    between["angle_degrees"] = np.degrees(np.arccos(1 - cdist(predicted, true, "cosine")))
    for name, matrix in between.items():
        own = np.mean([matrix[i, owner == i].mean() for i in range(80)])
        others = np.mean([matrix[i, owner != i].mean() for i in range(80)])
        assert metrics[name] == pytest.approx(own, rel=1e-5)
        assert metrics[f"{name}_others"] == pytest.approx(others, rel=1e-5)
        assert metrics[f"{name}_ci95_low"] < metrics[name] < metrics[f"{name}_ci95_high"]
