"""Embeddings of a population by the judges: its real faces and the faces that a system generates from its
clips."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepfacegen.data.shards import AudioShards, FaceShards, batched
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.progress import track
from deepfacegen.systems.protocol import FaceGenerator, VoiceEncoder

log = logging.getLogger(__name__)

VOICES_AT_ONCE, FACES_AT_ONCE, CLIPS_AT_ONCE = 32, 256, 256
KEPT_CLIPS = 1000  # generated faces are kept for so many clips; of the others only their embeddings

# Faces uint8 [N, S, S, 3] -> unit vectors float32 [N, D].
Embed = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Generated:
    """A population's generated faces: the embeddings of all, unit float32 [V, n, D], by judge, and the faces
    of the first clips, uint8 [K, n, S, S, 3]."""

    embeddings: dict[str, np.ndarray]
    faces: np.ndarray


def generate(
    system: FaceGenerator,
    judges: Mapping[str, Embed],
    population: Population,
    audio: AudioShards,
    samples: int,
    seed: int,
) -> Generated:
    """Generates `samples` faces for every clip and embeds them, a batch at a time."""
    embeddings: dict[str, list[np.ndarray]] = {name: [] for name in judges}
    kept: list[np.ndarray] = []
    label = f"{population.name}: generating faces for {len(population.clips)} clips"
    for clips in _progress(population.clips, VOICES_AT_ONCE, label):
        faces = generate_faces(system, audio.clips(clips), samples, seed)
        for name, embed in judges.items():
            embeddings[name].append(embed_samples(embed, faces))
        if len(kept) * VOICES_AT_ONCE < KEPT_CLIPS:
            kept.append(faces)
    joined = {name: np.concatenate(parts) for name, parts in embeddings.items()}
    return Generated(joined, np.concatenate(kept)[:KEPT_CLIPS])


def generate_faces(
    system: FaceGenerator, voices: Sequence[np.ndarray], samples: int, seed: int
) -> np.ndarray:
    """uint8 [V, n, S, S, 3]. Raises TypeError when the system returns something else."""
    faces = system.generate(voices, samples, seed)
    if faces.dtype != np.uint8 or faces.shape[:2] != (len(voices), samples) or faces.ndim != 5:
        raise TypeError(
            f"generate gave {faces.dtype} {faces.shape} for {len(voices)} voices and {samples} samples, "
            "not uint8 [V, n, S, S, 3]"
        )
    return faces


def embed_samples(embed: Embed, faces: np.ndarray) -> np.ndarray:
    """uint8 [V, n, S, S, 3] -> unit float32 [V, n, D]."""
    return embed(faces.reshape(-1, *faces.shape[2:])).reshape(*faces.shape[:2], -1)


def embed_real(
    judges: Mapping[str, Embed], population: Population, photos: FaceShards
) -> dict[str, np.ndarray]:
    """Embeddings of a population's real faces, unit float32 [F, D], by judge."""
    embeddings: dict[str, list[np.ndarray]] = {name: [] for name in judges}
    label = f"{population.name}: embedding {len(population.faces)} real faces"
    for table in _progress(population.faces, FACES_AT_ONCE, label):
        faces = photos.rows(table)
        for name, embed in judges.items():
            embeddings[name].append(embed(faces))
    return {name: np.concatenate(parts) for name, parts in embeddings.items()}


def embed_voices(encoder: VoiceEncoder, clips: pd.DataFrame, audio: AudioShards) -> np.ndarray:
    """Unit speaker embeddings of the clips of a table, float32 [V, E]."""
    return np.concatenate(
        [encoder.speaker_embeddings(audio.clips(part)) for part in batched(clips, CLIPS_AT_ONCE)]
    )


def _progress(table: pd.DataFrame, size: int, label: str) -> Iterable[pd.DataFrame]:
    """Parts of a table of at most `size` rows, with a progress bar on a terminal."""
    log.info(label)
    return track(batched(table, size), label, -(-len(table) // size))
