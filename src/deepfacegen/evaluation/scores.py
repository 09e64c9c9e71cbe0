"""Scores of any clip with any face: cosines of a judge's embeddings, or what a system computes itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.protocol.population import Population

ROWS_AT_ONCE = 1 << 18
ZERO_LENGTH = 1e-5  # of differences of unit vectors in single precision


class Score(Protocol):
    """How much any clip and any face are the same person's; higher = more."""

    def __call__(self, clips: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Row numbers of clips [T] and of faces [T] -> scores [T]."""
        ...

    def block(self, rows: np.ndarray, direction: str) -> np.ndarray:
        """Row numbers of probes [b] (clips, or faces for `face_to_voice`) -> their scores with every row of
        the other kind [b, G]."""
        ...


Scores = Mapping[str, Score]  # by population


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
class Means:
    """Mean embeddings [D] of real and of generated faces, over training people. What all generated faces
    share, or all real ones, says nothing about the person; centred cosines leave it out."""

    real: np.ndarray
    generated: np.ndarray


def dot_rows(left: np.ndarray, right: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """left [N, D], right [M, D] -> left[i] . right[j], float32 [T], without the N x M matrix."""
    out = np.empty(len(i), dtype=np.float32)
    for start in range(0, len(i), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        out[part] = np.einsum("td,td->t", left[i[part]], right[j[part]])
    return out


def means(generated: np.ndarray, real: np.ndarray) -> Means:
    """Embeddings of training people: generated [V, n, D], real [F, D]."""
    return Means(real.mean(axis=0), generated.mean(axis=(0, 1)))


def cosine(generated: np.ndarray, real: np.ndarray, centre: Means | None = None) -> Cosine:
    """Cosine between the mean of a clip's generated embeddings [V, n, D] and a real one [F, D]; with
    `centre`, of both less their mean.

    Where all generated faces are alike, only rounding is left after centring: then the cosine is 0.
    """
    left, right = generated.mean(axis=1), real
    if centre is not None:
        left, right = left - centre.generated, right - centre.real
        left = np.where(np.linalg.norm(left, axis=1, keepdims=True) > ZERO_LENGTH, left, 0.0)
    return Cosine(unit(left), unit(right))


def cosines(generated: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray]) -> dict[str, Scores]:
    """Embeddings by population, generated [V, n, D] and real [F, D] -> plain ("") and centred ("_centred")
    cosines by population, centred by the seen people."""
    centre = means(generated["seen"], real["seen"])
    return {
        suffix: {name: cosine(generated[name], real[name], by) for name in generated}
        for suffix, by in (("", None), ("_centred", centre))
    }


def own_scores(system: Any, population: Population, audio: AudioShards, photos: FaceShards) -> Matrix:
    """The scores of a system that compares voices with faces itself."""
    return Matrix(system.score(audio.clips(population.clips), photos.rows(population.faces)))
