"""Baselines by hand: the mean face is the same for everybody, and the nearest voice brings another person's
face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepfacegen.data.shards import AudioShards
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.embeddings import embed_voices
from deepfacegen.evaluation.metrics.baselines import gender_face, mean_face, nearest_voice, person_means
from deepfacegen.evaluation.protocol.population import Population


def population(name: str, clips: dict[str, int], faces: list[int]) -> Population:
    """clips: id -> person; faces: whose each is."""
    people = pd.DataFrame({"identity_id": [f"{name}{i}" for i in range(max(faces) + 1)]})
    table = pd.DataFrame({"clip_id": list(clips), "person": list(clips.values())})
    return Population(name, people, table, pd.DataFrame({"person": faces}))


TRAINING = population("training", {"a": 0, "b": 1, "c": 1}, [0, 0, 1])
FACES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)  # two of person 0, one of person 1
HEARD = unit(np.array([[1, 0.1], [0, 1], [0.5, 1]], dtype=np.float32))


def test_the_mean_face_is_one_direction_for_all() -> None:
    found = mean_face(FACES, 4)
    assert found.shape == (4, 1, 3)
    assert found == pytest.approx(np.full((4, 1, 3), 3**-0.5))


def test_the_mean_face_of_the_gender_is_what_gender_alone_shows() -> None:
    listed = replace(TRAINING, identities=TRAINING.identities.assign(gender=["f", "m"]))
    speakers = population("unseen", {"x": 0, "y": 1, "z": 2}, [0, 1, 2])
    speakers = replace(speakers, identities=speakers.identities.assign(gender=["m", "f", None]))
    found = gender_face(listed, FACES, speakers)
    assert found is not None
    assert found[:, 0] == pytest.approx(np.array([[0, 0, 1], [2**-0.5, 2**-0.5, 0], [3**-0.5] * 3]))
    nobody = replace(speakers, identities=speakers.identities.assign(gender=None))
    assert gender_face(listed, FACES, nobody) is None


def test_the_face_of_whoever_sounds_most_alike() -> None:
    voices = unit(np.array([[1, 0], [0.1, 1]], dtype=np.float32))
    found = nearest_voice(TRAINING, FACES, HEARD, population("unseen", {"x": 0, "y": 1}, [0, 1]), voices)
    assert found.shape == (2, 1, 3)
    assert found[0, 0] == pytest.approx([2**-0.5, 2**-0.5, 0])  # the mean direction of person 0's two faces
    assert found[1, 0] == pytest.approx([0, 0, 1])


def test_a_clip_never_finds_itself() -> None:
    """Clip a is person 0's only one; without it the nearest is person 1's."""
    found = nearest_voice(TRAINING, FACES, HEARD, population("seen", {"a": 0, "b": 1}, [0, 1]), HEARD[:2])
    assert found[:, 0] == pytest.approx(np.array([[0, 0, 1], [0, 0, 1]]))


def test_means_by_person_are_unit_vectors() -> None:
    found = person_means(np.array([[2, 0], [0, 1], [0, 1]], dtype=np.float32), np.array([1, 0, 0]), 2)
    assert found == pytest.approx(np.array([[0, 1], [1, 0]]))


def test_every_clip_is_heard_in_the_order_of_the_table() -> None:
    class Shards(AudioShards):
        def __init__(self) -> None:
            pass

        def read(self, shard: int, offset: int, length: int) -> np.ndarray:
            return np.array([shard, offset, length], dtype=np.int16)

    class Ears:
        def speaker_embeddings(self, voices: Sequence[np.ndarray]) -> np.ndarray:
            return np.stack(voices).astype(np.float32)

    table = pd.DataFrame({"shard": 0, "offset_samples": np.arange(300), "length_samples": 7})
    found = embed_voices(Ears(), table, Shards())
    assert found.shape == (300, 3)
    assert found[:, 1].tolist() == list(range(300))
