"""Embeddings of a population by the judges: its real faces and the faces that a system generates from its
clips."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.data.shards import AudioShards, FaceShards, Items, batched
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.progress import track
from deepfacegen.systems.protocol import FaceGenerator, LatentGenerator, VoiceEncoder

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
    label = f"{population.name}: generating faces for {len(population.clips)} clips"
    batches = _progress(population.clips, VOICES_AT_ONCE, label)
    return _embedded((generate_faces(system, audio.clips(clips), samples, seed) for clips in batches), judges)


def describe_voices(system: LatentGenerator, clips: pd.DataFrame, audio: AudioShards) -> np.ndarray:
    """What the system takes of the clips of a table: float32 [V, voice_dim]."""
    return np.concatenate([system.embed(audio.clips(part)) for part in batched(clips, VOICES_AT_ONCE)])


def generate_varied(
    system: LatentGenerator, judges: Mapping[str, Embed], voices: np.ndarray, samples: int, seed: int
) -> Generated:
    """Generates `samples` faces for every voice of `describe_voices` [V, voice_dim], with latents of its own,
    and embeds them, a batch at a time.

    Voice v has the latents of the seed `seed` + 1 + v, whatever the batches. Raises TypeError as
    `generate_faces` does.
    """

    def faces_of(rows: np.ndarray) -> np.ndarray:
        latents = np.stack([system.latents(samples, seed + 1 + int(v)) for v in rows])
        return _checked(system.generate_from(voices[rows], latents), len(rows), samples)

    label = f"generating faces with latents of their own for {len(voices)} clips"
    batches = _progress(np.arange(len(voices)), VOICES_AT_ONCE, label)
    return _embedded((faces_of(rows) for rows in batches), judges)


def generate_faces(
    system: FaceGenerator, voices: Sequence[np.ndarray], samples: int, seed: int
) -> np.ndarray:
    """uint8 [V, n, S, S, 3]. Raises TypeError when the system returns something else."""
    return _checked(system.generate(voices, samples, seed), len(voices), samples)


def _checked(faces: np.ndarray, voices: int, samples: int) -> np.ndarray:
    """Generated faces as they are. Raises TypeError unless they are uint8 [voices, samples, S, S, 3]."""
    if faces.dtype != np.uint8 or faces.shape[:2] != (voices, samples) or faces.ndim != 5:
        raise TypeError(
            f"generate gave {faces.dtype} {faces.shape} for {voices} voices and {samples} samples, "
            "not uint8 [V, n, S, S, 3]"
        )
    return faces


def embed_samples(embed: Embed, faces: np.ndarray) -> np.ndarray:
    """uint8 [V, n, S, S, 3] -> unit float32 [V, n, D]. Where the n faces of all voices are alike, as those of
    a system without latents are, each is embedded once."""
    once = faces[:, :1] if (faces == faces[:, :1]).all() else faces
    embeddings = embed(once.reshape(-1, *once.shape[2:])).reshape(*once.shape[:2], -1)
    return np.broadcast_to(embeddings, (*faces.shape[:2], embeddings.shape[-1]))


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


def _embedded(batches: Iterable[np.ndarray], judges: Mapping[str, Embed]) -> Generated:
    """Batches of faces uint8 [B, n, S, S, 3], at least one, embedded by the judges."""
    embeddings: dict[str, list[np.ndarray]] = {name: [] for name in judges}
    kept: list[np.ndarray] = []
    for faces in batches:
        for name, embed in judges.items():
            embeddings[name].append(embed_samples(embed, faces))
        if sum(map(len, kept)) < KEPT_CLIPS:
            kept.append(faces)
    joined = {name: np.concatenate(parts) for name, parts in embeddings.items()}
    return Generated(joined, np.concatenate(kept)[:KEPT_CLIPS])


def _progress(items: Items, size: int, label: str) -> Iterable[Items]:
    """Parts of a table or an array of at most `size` rows, with a progress bar on a terminal."""
    log.info(label)
    whole: Any = items
    return track(batched(items, size), label, -(-len(whole) // size))
