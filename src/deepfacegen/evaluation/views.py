"""What the judge makes of a population: true and drawn faces as vectors, and the score of any voice with any face."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from rich.console import Console
from rich.progress import track

from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation.judge import Judge, unit
from deepfacegen.evaluation.matching import dot_rows
from deepfacegen.evaluation.population import Population
from deepfacegen.systems.protocol import Drawer

log = logging.getLogger(__name__)

VOICES_AT_ONCE, FACES_AT_ONCE = 32, 256
# Drawn faces themselves are kept for so many clips; of the others only what the judge made of them.
KEPT_CLIPS = 1000


class Score(Protocol):
    """How much any clip and any face are the same person's; higher = more."""

    def __call__(self, clips: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Row numbers of clips [T] and of faces [T] -> scores [T]."""
        ...

    def block(self, rows: np.ndarray, direction: str) -> np.ndarray:
        """Row numbers of probes [b] (clips, or faces for `face_to_voice`) -> their scores with every row of the other kind [b, G]."""
        ...


@dataclass(frozen=True)
class Cosine:
    """Scores of unit vectors: clips [V, D], faces [F, D]."""

    clips: np.ndarray
    faces: np.ndarray

    def __call__(self, clips: np.ndarray, faces: np.ndarray) -> np.ndarray:
        return dot_rows(self.clips, self.faces, clips, faces)

    def block(self, rows: np.ndarray, direction: str) -> np.ndarray:
        if direction == "voice_to_face":
            return self.clips[rows] @ self.faces.T
        return self.faces[rows] @ self.clips.T


@dataclass(frozen=True)
class Matrix:
    """Scores that a system has computed itself [V, F]."""

    scores: np.ndarray

    def __call__(self, clips: np.ndarray, faces: np.ndarray) -> np.ndarray:
        return self.scores[clips, faces]

    def block(self, rows: np.ndarray, direction: str) -> np.ndarray:
        return self.scores[rows] if direction == "voice_to_face" else self.scores.T[rows]


@dataclass(frozen=True)
class Drawn:
    """Judge vectors of all drawn faces, unit float32 [V, n, D], and the faces of the first clips, uint8 [K, n, S, S, 3]."""

    vectors: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True)
class Means:
    """Mean judge vector [D] of true and of drawn faces, estimated on training identities: what drawn faces share with each other
    and not with true ones says nothing about who is shown, and neither does what all true faces share."""

    true: np.ndarray
    drawn: np.ndarray


def draw(system: Drawer, judge: Judge, population: Population, audio: AudioShards, draws: int, seed: int) -> Drawn:
    """Every clip's faces, drawn and judged a batch at a time."""
    places = population.clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist()
    vectors, kept = [], []
    for start in _progress(range(0, len(places), VOICES_AT_ONCE), f"{population.name}: drawing for {len(places)} clips"):
        voices = [audio.read(*place) for place in places[start : start + VOICES_AT_ONCE]]
        faces = system.generate(voices, draws, seed)
        if faces.dtype != np.uint8 or faces.shape[:2] != (len(voices), draws) or faces.ndim != 5:
            raise TypeError(f"generate gave {faces.dtype} {faces.shape} for {len(voices)} voices and {draws} draws, not uint8 [V, n, S, S, 3]")
        vectors.append(judge.embed(faces.reshape(-1, *faces.shape[2:])).reshape(len(voices), draws, -1))
        if start < KEPT_CLIPS:
            kept.append(faces)
    return Drawn(np.concatenate(vectors), np.concatenate(kept)[:KEPT_CLIPS])


def true_vectors(judge: Judge, population: Population, photos: FaceShards) -> np.ndarray:
    """Judge vectors of the true faces, unit float32 [F, D]."""
    shard, row = population.faces["shard"].to_numpy(), population.faces["row"].to_numpy()
    starts = _progress(range(0, len(row), FACES_AT_ONCE), f"{population.name}: judging {len(row)} true faces")
    return np.concatenate([judge.embed(photos.gather(shard[s : s + FACES_AT_ONCE], row[s : s + FACES_AT_ONCE])) for s in starts])


def cosine(drawn: np.ndarray, true: np.ndarray, means: Means | None = None) -> Cosine:
    """Cosine between the mean of a clip's drawn vectors [V, n, D] and a true vector [F, D]; with `means`, of both less their mean."""
    left, right = drawn.mean(axis=1), true
    if means is not None:
        left, right = left - means.drawn, right - means.true
    return Cosine(unit(left), unit(right))


def means(drawn: np.ndarray, true: np.ndarray) -> Means:
    """drawn [V, n, D] and true [F, D] vectors of training identities."""
    return Means(true.mean(axis=0), drawn.mean(axis=(0, 1)))


def _progress(steps: range, label: str) -> Iterable[int]:
    console = Console(stderr=True)
    log.info(label)
    return track(steps, label, console=console, disable=not console.is_terminal)
