"""What the judge makes of a population: true and drawn faces as vectors, and the score of any voice with any
face."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.metrics.matching import dot_rows
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.progress import track
from deepfacegen.systems.protocol import FaceGenerator

log = logging.getLogger(__name__)

VOICES_AT_ONCE, FACES_AT_ONCE = 32, 256
# Drawn faces themselves are kept for so many clips; of the others only what the judge made of them.
KEPT_CLIPS = 1000
NOTHING = 1e-5  # of unit vectors in single precision


class Score(Protocol):
    """How much any clip and any face are the same person's; higher = more."""

    def __call__(self, clips: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Row numbers of clips [T] and of faces [T] -> scores [T]."""
        ...

    def block(self, rows: np.ndarray, direction: str) -> np.ndarray:
        """Row numbers of probes [b] (clips, or faces for `face_to_voice`) -> their scores with every row of
        the other kind [b, G]."""
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


# What turns faces uint8 [N, S, S, 3] into unit vectors float32 [N, D].
Embed = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Drawn:
    """Vectors of all drawn faces, unit float32 [V, n, D], by judge, and the faces of the first clips, uint8
    [K, n, S, S, 3]."""

    vectors: dict[str, np.ndarray]
    kept: np.ndarray


@dataclass(frozen=True)
class Means:
    """Mean judge vector [D] of true and of drawn faces, estimated on training identities: what drawn faces
    share with each other and not with true ones says nothing about who is shown, and neither does what all
    true faces share."""

    true: np.ndarray
    drawn: np.ndarray


def draw(
    system: FaceGenerator,
    judges: Mapping[str, Embed],
    population: Population,
    audio: AudioShards,
    draws: int,
    seed: int,
) -> Drawn:
    """Every clip's faces, drawn and judged a batch at a time."""
    places = population.clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist()
    vectors: dict[str, list[np.ndarray]] = {name: [] for name in judges}
    kept = []
    for start in _progress(
        range(0, len(places), VOICES_AT_ONCE), f"{population.name}: drawing for {len(places)} clips"
    ):
        faces = drawn_faces(
            system, [audio.read(*place) for place in places[start : start + VOICES_AT_ONCE]], draws, seed
        )
        for name, embed in judges.items():
            vectors[name].append(embed_draws(embed, faces))
        if start < KEPT_CLIPS:
            kept.append(faces)
    return Drawn(
        {name: np.concatenate(parts) for name, parts in vectors.items()}, np.concatenate(kept)[:KEPT_CLIPS]
    )


def drawn_faces(system: FaceGenerator, voices: Sequence[np.ndarray], draws: int, seed: int) -> np.ndarray:
    """uint8 [V, n, S, S, 3]. Raises TypeError when the system gives something else."""
    faces = system.generate(voices, draws, seed)
    if faces.dtype != np.uint8 or faces.shape[:2] != (len(voices), draws) or faces.ndim != 5:
        raise TypeError(
            f"generate gave {faces.dtype} {faces.shape} for {len(voices)} voices and {draws} draws, not uint8 [V, n, S, S, 3]"
        )
    return faces


def embed_draws(embed: Embed, faces: np.ndarray) -> np.ndarray:
    """uint8 [V, n, S, S, 3] -> unit float32 [V, n, D]."""
    return embed(faces.reshape(-1, *faces.shape[2:])).reshape(*faces.shape[:2], -1)


def true_vectors(
    judges: Mapping[str, Embed], population: Population, photos: FaceShards
) -> dict[str, np.ndarray]:
    """Vectors of the true faces, unit float32 [F, D], by judge."""
    shard, row = population.faces["shard"].to_numpy(), population.faces["row"].to_numpy()
    vectors: dict[str, list[np.ndarray]] = {name: [] for name in judges}
    for start in _progress(
        range(0, len(row), FACES_AT_ONCE), f"{population.name}: judging {len(row)} true faces"
    ):
        faces = photos.gather(shard[start : start + FACES_AT_ONCE], row[start : start + FACES_AT_ONCE])
        for name, embed in judges.items():
            vectors[name].append(embed(faces))
    return {name: np.concatenate(parts) for name, parts in vectors.items()}


def cosine(drawn: np.ndarray, true: np.ndarray, means: Means | None = None) -> Cosine:
    """Cosine between the mean of a clip's drawn vectors [V, n, D] and a true vector [F, D]; with `means`, of
    both less their mean.

    Of faces that are all alike nothing is left but rounding, which has no direction: their centred cosine is
    0 with everybody.
    """
    left, right = drawn.mean(axis=1), true
    if means is not None:
        left, right = left - means.drawn, right - means.true
        left = np.where(np.linalg.norm(left, axis=1, keepdims=True) > NOTHING, left, 0.0)
    return Cosine(unit(left), unit(right))


def means(drawn: np.ndarray, true: np.ndarray) -> Means:
    """drawn [V, n, D] and true [F, D] vectors of training identities."""
    return Means(true.mean(axis=0), drawn.mean(axis=(0, 1)))


def cosines(drawn: Mapping[str, np.ndarray], true: Mapping[str, np.ndarray]) -> dict[str, dict[str, Score]]:
    """Vectors by population, drawn [V, n, D] and true [F, D] -> their plain ("") and centred ("_centred")
    cosines by population."""
    centre = means(drawn["seen"], true["seen"])
    return {
        suffix: {name: cosine(drawn[name], true[name], by) for name in drawn}
        for suffix, by in (("", None), ("_centred", centre))
    }


def _progress(steps: range, label: str) -> Iterable[int]:
    log.info(label)
    return track(steps, label, len(steps))
