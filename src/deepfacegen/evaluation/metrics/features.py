"""Features predicted from speech against those of true faces (Oh et al. 2019): distances, and retrieval of
photos, by seconds of speech.
 For systems that predict what a face-recognition network would say of the speaker's face. That network was
 trained with them, so this is told beside the independent judges, never instead of them; and distances are in
 that network's own units, not comparable between networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.embeddings import FACES_AT_ONCE, VOICES_AT_ONCE
from deepfacegen.evaluation.metrics import bootstrap, retrieval
from deepfacegen.evaluation.metrics.duration import FEWEST_PEOPLE, SECONDS, joined
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.systems.protocol import HasFaceFeatures

VOICES_IN_BLOCK = 64  # distances of so many voices to all faces at once


@runtime_checkable
class Regressor(HasFaceFeatures, Protocol):
    """A system that predicts, from speech, the features that its own network sees in faces."""

    def voice_features(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays, 16 kHz mono -> float32 [V, D], in the space of `face_features`."""
        ...


def by_features(
    system: Regressor,
    population: Population,
    audio: AudioShards,
    photos: FaceShards,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """{seconds: {angle_degrees, l1, l2 (each with `_others` and an interval over people), identities,
    retrieval}}.

    A person's clips are joined, and the first so many seconds are heard, by the rule of `duration`: the
    people are the same at every length. Distances are between a voice's predicted feature and that of each
    photo of the speaker, averaged over a person's photos and then over people; `_others` is the mean over
    photos of other people. For retrieval (`retrieval.summarise`) every voice ranks the photos of all of these
    people by cosine. Empty when fewer than two people have a photo and enough speech.
    """
    speech = joined(population, audio)
    lengths = np.array([len(recording) for recording in speech]) / SAMPLE_RATE_HZ
    owner = population.faces["person"].to_numpy()
    shown = np.isin(np.arange(len(population.identities)), owner)
    reached = [seconds for seconds in SECONDS if (lengths >= seconds).mean() >= 0.5]
    people = np.flatnonzero((lengths >= reached[-1]) & shown) if reached else np.empty(0, dtype=np.int64)
    if len(people) < FEWEST_PEOPLE:
        return {}
    kept = np.isin(owner, people)
    faces = population.faces[kept]
    true = _true(system, faces["shard"].to_numpy(), faces["row"].to_numpy(), photos)
    gallery = np.searchsorted(people, owner[kept])
    own_photos = np.bincount(gallery, minlength=len(people))
    probes = np.arange(len(people))
    told: dict[str, dict[str, Any]] = {}
    for seconds in reached:
        voices = [speech[person][: seconds * SAMPLE_RATE_HZ] for person in people]
        predicted = np.concatenate(
            [
                system.voice_features(voices[i : i + VOICES_AT_ONCE])
                for i in range(0, len(voices), VOICES_AT_ONCE)
            ]
        )
        left, right = unit(predicted), unit(true)
        ranking = retrieval.rank(lambda rows, left=left, right=right: left[rows] @ right.T, probes, gallery)  # type: ignore[misc]
        told[str(seconds)] = {
            "identities": len(people),
            **distances(predicted, true, gallery, resamples, seed),
            "retrieval": retrieval.summarise(ranking, probes, own_photos, resamples, seed),
        }
    return told


def distances(
    predicted: np.ndarray, true: np.ndarray, owner: np.ndarray, resamples: int, seed: int
) -> dict[str, float]:
    """`angle_degrees`, `l1` and `l2` between predicted features [P, D] and those of photos [F, D], whose
    person's row is owner [F].

    Each is the mean over people of the mean over their photos, with `_ci95_low`, `_ci95_high` over people,
    and `_others`, the mean over photos of others. Everybody has a photo, and there are at least two people.
    """
    people = len(predicted)
    counts = np.bincount(owner, minlength=people).astype(np.float64)
    own, others = np.zeros((3, people)), np.zeros((3, people))
    for first in range(0, people, VOICES_IN_BLOCK):
        rows = np.arange(first, min(first + VOICES_IN_BLOCK, people))
        mine = owner[None, :] == rows[:, None]
        for kind, between in enumerate(_between(predicted[rows], true)):
            own[kind, rows] = (between * mine).sum(axis=1) / counts[rows]
            others[kind, rows] = (between * ~mine).sum(axis=1) / (len(true) - counts[rows])
    told: dict[str, float] = {}
    for name, values, strange in zip(("angle_degrees", "l1", "l2"), own, others, strict=True):
        told |= bootstrap.mean(name, values, np.ones(people), resamples, seed)
        told[f"{name}_others"] = float(strange.mean())
    return told


def _between(predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles in degrees, L1 and L2 distances of [p, D] and [F, D]: each float64 [p, F], one voice at a time
    for L1, so that memory stays flat."""
    left, right = predicted.astype(np.float64), true.astype(np.float64)
    cosine = np.clip(unit(left) @ unit(right).T, -1.0, 1.0)
    l1 = np.stack([np.abs(right - one).sum(axis=1) for one in left])
    l2 = np.stack([np.linalg.norm(right - one, axis=1) for one in left])
    return np.degrees(np.arccos(cosine)), l1, l2


def _true(system: Regressor, shard: np.ndarray, row: np.ndarray, photos: FaceShards) -> np.ndarray:
    """Features of photos [F, D], a batch at a time."""
    starts = range(0, len(row), FACES_AT_ONCE)
    return np.concatenate(
        [
            system.face_features(photos.gather(shard[i : i + FACES_AT_ONCE], row[i : i + FACES_AT_ONCE]))
            for i in starts
        ]
    )
