"""What generates from voices, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class FromVoices:
    """Faces of voices, and what the estimates from them are made of."""

    faces: np.ndarray  # uint8 [V, n, S, S, 3], RGB
    embeddings: np.ndarray  # float32 [V, voice_dim]
    pitches_hz: list[float | None]  # median; None where nothing is voiced


class VoiceGenerator(Protocol):
    """A loaded model. It does not change, and several threads may use it at once."""

    @property
    def image_size_px(self) -> int: ...

    @property
    def voice_dim(self) -> int: ...

    @property
    def latent_dim(self) -> int: ...

    def latents(self, n: int, seed: int) -> np.ndarray:
        """Of faces 0 to n - 1 of a seed, standard normal: float32 [n, latent_dim]."""
        ...

    def run(self, voices: Sequence[np.ndarray], latents: np.ndarray) -> FromVoices:
        """voices: int16 arrays, 16 kHz mono, of at least 40 ms; latents of the faces of each, float32 [n,
        latent_dim]."""
        ...
