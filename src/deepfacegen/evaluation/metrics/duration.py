"""How much speech it takes: drawn against true faces after 1, 3, 6 and 10 seconds, the same people at every
length."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.data.shards import AudioShards
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.embeddings import VOICES_AT_ONCE, Embed, Means, drawn_faces, embed_draws
from deepfacegen.evaluation.metrics import bootstrap
from deepfacegen.evaluation.metrics.matching import interval, outcomes
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.references.baselines import person_means
from deepfacegen.systems.protocol import FaceGenerator

SECONDS = (1, 3, 6, 10)  # of Oh et al. 2019 (3 and 6), and what is short and long of it
FEWEST_PEOPLE = 2


def by_duration(
    system: FaceGenerator,
    embed: Embed,
    population: Population,
    true: np.ndarray,
    means: Means,
    audio: AudioShards,
    draws: int,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """{seconds: cosine, cosine_centred, cosine_others, accuracy, accuracy_centred, identities} of faces drawn
    from so much speech, with intervals.

    A person's clips are joined, and the first so many seconds are heard. The people are the same at every
    length: those who have enough for the longest length that at least half of them reach. true [F, D] are
    vectors of the population's faces. `cosine` is with the own mean face, `cosine_others` the mean with other
    people's; `accuracy` is of the choice between the own and any other person's mean face, over all pairs.
    """
    speech = joined(population, audio)
    lengths = np.array([len(voice) for voice in speech]) / SAMPLE_RATE_HZ
    reached = [seconds for seconds in SECONDS if (lengths >= seconds).mean() >= 0.5]
    people = np.flatnonzero(lengths >= reached[-1]) if reached else np.empty(0, dtype=np.int64)
    if len(people) < FEWEST_PEOPLE:
        return {}
    faces = person_means(true, population.faces["person"].to_numpy(), len(population.identities))[people]
    told = {}
    for seconds in reached:
        voices = [speech[person][: seconds * SAMPLE_RATE_HZ] for person in people]
        parts = [
            drawn_faces(system, voices[i : i + VOICES_AT_ONCE], draws, seed)
            for i in range(0, len(voices), VOICES_AT_ONCE)
        ]
        drawn = np.concatenate([embed_draws(embed, part) for part in parts]).mean(axis=1)
        told[str(seconds)] = _compare(
            unit(drawn) @ faces.T, unit(drawn - means.drawn) @ unit(faces - means.true).T, resamples, seed
        )
    return told


def joined(population: Population, audio: AudioShards) -> list[np.ndarray]:
    """The speech of each person: the clips one after another, no longer than the longest length asked for.
    int16 arrays."""
    most = SECONDS[-1] * SAMPLE_RATE_HZ
    parts: list[list[np.ndarray]] = [[] for _ in range(len(population.identities))]
    columns = population.clips[["person", "shard", "offset_samples", "length_samples"]]
    for person, shard, offset, length in columns.to_numpy().tolist():
        left = most - sum(map(len, parts[person]))
        if left > 0:
            parts[person].append(audio.read(shard, offset, min(length, left)))
    return [np.concatenate(clips) if clips else np.empty(0, dtype=np.int16) for clips in parts]


def _compare(plain: np.ndarray, centred: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
    """Scores [I, I] of drawn (rows) and true faces (columns) of the same people."""
    different = 1.0 - np.eye(len(plain))
    told: dict[str, Any] = {
        "identities": len(plain),
        "cosine_others": float((plain * different).sum() / different.sum()),
    }
    for name, scores in (("cosine", plain), ("cosine_centred", centred)):
        told |= bootstrap.mean(name, np.diagonal(scores), np.ones(len(scores)), resamples, seed)
    for name, scores, ends in (
        ("accuracy", plain, "ci95"),
        ("accuracy_centred", centred, "accuracy_centred_ci95"),
    ):
        right = outcomes(np.diagonal(scores)[:, None], scores) * different
        low, high = interval(right, different, resamples, seed)
        told |= {name: float(right.sum() / different.sum()), f"{ends}_low": low, f"{ends}_high": high}
    return told
