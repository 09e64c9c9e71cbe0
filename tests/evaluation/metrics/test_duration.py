"""Faces by seconds of speech: the same people at every length, and more speech helps a listener who needs
it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.schema import EvaluateConfig
from deepfacegen.evaluation.metrics.duration import compute
from deepfacegen.evaluation.protocol.durations import joined
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.scores import Means

RATE = 16_000
PEOPLE = 12
SECONDS = [7.0] * 9 + [2.0] * 3  # of each of two clips: nine people reach 10 s, three only 4 s


class Shards:
    """A clip's samples are all the number of its person."""

    def read(self, shard: int, offset: int, length: int) -> np.ndarray:
        return np.full(length, offset, dtype=np.int16)


def population() -> Population:
    owner = np.repeat(np.arange(PEOPLE), 2)
    length = (np.repeat(SECONDS, 2) * RATE).astype(int)
    clips = pd.DataFrame({"person": owner, "shard": 0, "offset_samples": owner, "length_samples": length})
    return Population(
        "unseen",
        pd.DataFrame({"identity_id": range(PEOPLE)}),
        clips,
        pd.DataFrame({"person": np.arange(PEOPLE)}),
    )


class Slow:
    """Generates the speaker's number as a colour, from three seconds of speech on."""

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        heard = [voice[0] if len(voice) >= 3 * RATE else 0 for voice in voices]
        return np.array(heard, dtype=np.uint8)[:, None, None, None, None] * np.ones(
            (1, n, 2, 2, 3), dtype=np.uint8
        )


def embed(faces: np.ndarray) -> np.ndarray:
    return np.eye(PEOPLE, dtype=np.float32)[faces[:, 0, 0, 0]]


def test_a_person_is_heard_from_the_first_seconds_of_the_clips_together() -> None:
    speech = joined(population(), Shards())  # type: ignore[arg-type]
    assert [len(voice) / RATE for voice in speech] == [10.0] * 9 + [4.0] * 3
    assert [set(voice) for voice in speech] == [{i} for i in range(PEOPLE)]


def by_duration(people: Population, samples: int, resamples: int) -> dict[str, Any]:
    none = np.zeros(PEOPLE, dtype=np.float32)
    context: Any = SimpleNamespace(
        generator=Slow(),
        audio=Shards(),
        unseen=people,
        settings=EvaluateConfig(draws=samples, bootstrap=resamples, seed=0),
        judge="sface",
        embedders={"sface": embed},
        real={"sface": {"unseen": np.eye(PEOPLE, dtype=np.float32)}},
        means=Means(none, none),
    )
    return compute(context)["duration"]


def test_the_same_people_at_every_length() -> None:
    found = by_duration(population(), samples=2, resamples=200)
    assert set(found) == {"1", "3", "6", "10"}
    assert all(cell["identities"] == 9 for cell in found.values())
    for seconds in ("3", "6", "10"):
        assert (
            found[seconds]["cosine"]
            == found[seconds]["accuracy"]
            == found[seconds]["accuracy_centred"]
            == 1.0
        )
        assert found[seconds]["cosine_others"] == 0.0
    # After one second everybody's face is person 0's: right for that one; the others lose against person 0's
    # face and tie with the rest.
    expected = (8 + 8 * (0 + 7 * 0.5)) / 72
    assert found["1"]["accuracy"] == pytest.approx(expected)
    assert found["1"]["cosine"] == pytest.approx(1 / 9)
    assert found["1"]["ci95_low"] <= expected <= found["1"]["ci95_high"]


def test_lengths_that_few_people_reach_are_left_out() -> None:
    people = population()
    short = Population(
        "unseen", people.identities, people.clips.assign(length_samples=2 * RATE), people.faces
    )
    found = by_duration(short, 1, 100)
    assert set(found) == {"1", "3"}
    silent = Population("unseen", people.identities, people.clips.assign(length_samples=10), people.faces)
    assert by_duration(silent, 1, 100) == {}
