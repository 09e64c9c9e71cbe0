"""A system with latents and a temperature for tests: a face is a picture of the voice's number and of the
latents."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

SIDE_PX, DIM = 16, 3


class Latent:
    """Red of the left half is the voice, green and blue of the right half the latents, scaled by the
    temperature. `embedded`, `generated`: how many voices and faces so far, shared with systems at other
    temperatures."""

    image_size_px, voice_dim, latent_dim = SIDE_PX, 1, DIM

    def __init__(self, temperature: float = 0.5) -> None:
        self.temperature = temperature
        self.counts = {"embedded": 0, "generated": 0}

    def at_temperature(self, temperature: float) -> Latent:
        other = copy.copy(self)
        other.temperature = temperature
        return other

    def embed(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        self.counts["embedded"] += len(voices)
        return np.array([[voice[0]] for voice in voices], dtype=np.float32)

    def latents(self, n: int, seed: int) -> np.ndarray:
        rows = [np.random.default_rng([seed, k]).standard_normal(DIM) for k in range(n)]
        return np.stack(rows).astype(np.float32)

    def generate_from(self, embeddings: np.ndarray, latents: np.ndarray) -> np.ndarray:
        every = np.broadcast_to(latents, (len(embeddings), *latents.shape[-2:]))
        self.counts["generated"] += every.shape[0] * every.shape[1]
        faces = np.full((*every.shape[:2], SIDE_PX, SIDE_PX, 3), 128.0)
        faces[:, :, :, : SIDE_PX // 2, 0] = 10 * embeddings[:, None, None]
        scaled = 20 * self.temperature * every[:, :, None, None]
        faces[:, :, :, SIDE_PX // 2 :] += scaled
        return np.clip(np.rint(faces), 0, 255).astype(np.uint8)

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        return self.generate_from(self.embed(voices), self.latents(n, seed))

    def pitch_hz(self, voice: np.ndarray) -> float | None:
        return None
