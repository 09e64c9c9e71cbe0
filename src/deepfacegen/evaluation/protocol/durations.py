"""How much speech a system gets: the first 1, 3, 6 and 10 seconds of each person, the same people at every
length."""

from __future__ import annotations

import numpy as np

from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.data.shards import AudioShards
from deepfacegen.evaluation.protocol.population import Population

SECONDS = (1, 3, 6, 10)  # 3 and 6 are those of Oh et al. 2019
FEWEST_PEOPLE = 2


def voices_by_seconds(
    population: Population, audio: AudioShards, usable: np.ndarray | None = None
) -> tuple[np.ndarray, dict[int, list[np.ndarray]]]:
    """People (row numbers, int64 [P]) with enough speech for the longest length that at least half of all
    reach, and by length in seconds the voice of each, int16 arrays. No lengths when fewer than two have
    enough.

    usable bool [I]: who may take part (default: everybody). A person's clips are joined.
    """
    speech = joined(population, audio)
    lengths = np.array([len(voice) for voice in speech]) / SAMPLE_RATE_HZ
    reached = [seconds for seconds in SECONDS if (lengths >= seconds).mean() >= 0.5]
    enough = lengths >= reached[-1] if reached else np.zeros(len(lengths), dtype=bool)
    people = np.flatnonzero(enough if usable is None else enough & usable)
    if len(people) < FEWEST_PEOPLE:
        return people, {}
    return people, {
        seconds: [speech[person][: seconds * SAMPLE_RATE_HZ] for person in people] for seconds in reached
    }


def joined(population: Population, audio: AudioShards) -> list[np.ndarray]:
    """The speech of each person: the clips one after another, no longer than the longest length. int16
    arrays."""
    most = SECONDS[-1] * SAMPLE_RATE_HZ
    parts: list[list[np.ndarray]] = [[] for _ in range(len(population.identities))]
    columns = population.clips[["person", "shard", "offset_samples", "length_samples"]]
    for person, shard, offset, length in columns.to_numpy().tolist():
        left = most - sum(map(len, parts[person]))
        if left > 0:
            parts[person].append(audio.read(shard, offset, min(length, left)))
    return [np.concatenate(clips) if clips else np.empty(0, dtype=np.int16) for clips in parts]
