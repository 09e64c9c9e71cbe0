"""Metric `features`: features predicted from speech against those of real faces (Oh et al. 2019), by seconds
of speech. For systems that predict the embedding of the speaker's face by a network that was trained with
them; so it stands beside the judges, never in their place, and its distances cannot be compared between
networks.

Keys, by seconds: `identities`; `angle_degrees`, `l1`, `l2` (with intervals over people, and `_others`, of
photos of other people); `retrieval` (see `retrieval.summarise`: every voice ranks the photos of these people
by cosine). Empty where fewer than two people have a photo and enough speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from deepfacegen.data.shards import AudioShards, FaceShards, batched
from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.embeddings import FACES_AT_ONCE, VOICES_AT_ONCE
from deepfacegen.evaluation.metrics.retrieval import rank, summarise
from deepfacegen.evaluation.protocol.durations import voices_by_seconds
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.statistics import bootstrap
from deepfacegen.evaluation.tree import Tree
from deepfacegen.systems.protocol import HasFaceFeatures

VOICES_IN_BLOCK = 64  # distances of so many voices to all faces at once


@runtime_checkable
class Regressor(HasFaceFeatures, Protocol):
    """A system that predicts, from speech, the features that its own network extracts from faces."""

    def voice_features(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays, 16 kHz mono -> float32 [V, D], in the space of `face_features`."""
        ...


def applies(context: Context) -> bool:
    return context.generates and isinstance(context.system, Regressor)


def compute(context: Context) -> Tree:
    settings = context.settings
    assert isinstance(context.system, Regressor)
    found = by_features(
        context.system, context.unseen, context.audio, context.photos, settings.bootstrap, settings.seed
    )
    return {"features": found}


def by_features(
    system: Regressor,
    population: Population,
    audio: AudioShards,
    photos: FaceShards,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """The metric of one population; the people are the same at every length.

    Distances are between a voice's predicted feature and that of each photo of the speaker, averaged over a
    person's photos and then over people.
    """
    owner = population.faces["person"].to_numpy()
    has_photo = np.isin(np.arange(len(population.identities)), owner)
    people, by_seconds = voices_by_seconds(population, audio, has_photo)
    if not by_seconds:
        return {}
    kept = np.isin(owner, people)
    real = np.concatenate(
        [system.face_features(photos.rows(part)) for part in batched(population.faces[kept], FACES_AT_ONCE)]
    )
    gallery = np.searchsorted(people, owner[kept])
    own_photos = np.bincount(gallery, minlength=len(people))
    metrics: dict[str, dict[str, Any]] = {}
    for seconds, voices in by_seconds.items():
        predicted = np.concatenate([system.voice_features(part) for part in batched(voices, VOICES_AT_ONCE)])
        left, right = unit(predicted), unit(real)
        ranking = rank(
            lambda rows, left=left, right=right: left[rows] @ right.T,  # type: ignore[misc]
            np.arange(len(people)),
            gallery,
        )
        metrics[str(seconds)] = {
            "identities": len(people),
            **distances(predicted, real, gallery, resamples, seed),
            "retrieval": summarise(ranking, np.arange(len(people)), own_photos, resamples, seed),
        }
    return metrics


def distances(
    predicted: np.ndarray, real: np.ndarray, owner: np.ndarray, resamples: int, seed: int
) -> dict[str, float]:
    """`angle_degrees`, `l1` and `l2` between predicted features [P, D] and those of photos [F, D], whose
    person's row is owner [F].

    Each is the mean over people of the mean over their photos, with `_ci95_low`, `_ci95_high` over people,
    and `_others`, the mean over photos of others. Everybody has a photo, and there are at least two people.
    """
    people = len(predicted)
    counts = np.bincount(owner, minlength=people).astype(np.float64)
    own, others = np.zeros((3, people)), np.zeros((3, people))
    for rows in batched(np.arange(people), VOICES_IN_BLOCK):
        mine = owner[None, :] == rows[:, None]
        for kind, between in enumerate(_between(predicted[rows], real)):
            own[kind, rows] = (between * mine).sum(axis=1) / counts[rows]
            others[kind, rows] = (between * ~mine).sum(axis=1) / (len(real) - counts[rows])
    metrics: dict[str, float] = {}
    for name, values, of_others in zip(("angle_degrees", "l1", "l2"), own, others, strict=True):
        metrics |= bootstrap.mean(name, values, np.ones(people), resamples, seed)
        metrics[f"{name}_others"] = float(of_others.mean())
    return metrics


def _between(predicted: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles in degrees, L1 and L2 distances of [p, D] and [F, D]: each float64 [p, F], one voice at a time
    for L1, so that memory stays flat."""
    left, right = predicted.astype(np.float64), real.astype(np.float64)
    cosine = np.clip(unit(left) @ unit(right).T, -1.0, 1.0)
    l1 = np.stack([np.abs(right - one).sum(axis=1) for one in left])
    l2 = np.stack([np.linalg.norm(right - one, axis=1) for one in left])
    return np.degrees(np.arccos(cosine)), l1, l2
