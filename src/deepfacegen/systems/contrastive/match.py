"""A trained contrastive matcher: embeddings of voices and faces in, scores out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.gradients import gradients_of
from deepfacegen.errors import UserError
from deepfacegen.systems.contrastive.networks import Matcher
from deepfacegen.training import store


class FaceEmbeddings:
    """Faces as the parameter `faces` says, [N, P], and how wide each block of that is."""

    def __init__(self, kind: str, encoder: face.FaceEncoder | None) -> None:
        self.kind, self.encoder = kind, encoder if kind != "gradients" else None
        if kind != "gradients" and encoder is None:
            raise UserError(
                f"contrastive.faces: {kind} needs the face network; train it first, or choose gradients"
            )

    def __call__(self, pixels: np.ndarray) -> Tensor:
        """uint8 [N, S, S, 3] -> float32 [N, P] on the CPU."""
        parts = [] if self.encoder is None else [self.encoder.embed(pixels)]
        if self.kind != "embedding":
            parts.append(torch.cat([gradients_of(part) for part in batched(pixels, 128)]))
        return torch.cat(parts, dim=1)

    def rows(self, faces: pd.DataFrame, photos: FaceShards) -> Tensor:
        """Rows of the faces table -> float32 [N, P]."""
        return torch.cat([self(photos.rows(part)) for part in batched(faces, 512)])

    def blocks(self, width: int) -> list[int]:
        own = 0 if self.encoder is None else self.encoder.dim
        return [size for size in (own, width - own) if size]

    @property
    def trained_with(self) -> list[str]:
        return [] if self.encoder is None else self.encoder.trained_with


class Contrastive:
    """Scores voices against faces: the mean cosine of its heads."""

    def __init__(
        self, encoder: speaker.VoiceEncoder, faces: FaceEmbeddings, matcher: Matcher, device: torch.device
    ) -> None:
        self.encoder, self.faces, self.device = encoder, faces, device
        self.matcher = matcher.to(device).eval().requires_grad_(False)

    @torch.inference_mode()
    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        """int16 arrays, 16 kHz mono; uint8 [F, S, S, 3] -> float32 [V, F], higher = same person."""
        return self.compare(self.encoder.embed(voices), self.faces(faces))

    @torch.inference_mode()
    def compare(self, voices: Tensor, faces: Tensor) -> np.ndarray:
        """Embeddings of voices [V, Y] and faces [F, P] -> float32 [V, F]."""
        return self.matcher(voices.to(self.device), faces.to(self.device)).float().cpu().numpy()


def load(models_dir: Path, device: torch.device) -> Contrastive:
    """Raises UserError if the heads, the voice encoder or the face network they were trained with are
    missing."""
    config = store.read_config(models_dir / "contrastive")
    kind = config["params"]["faces"]
    matcher = Matcher(**config["network"])
    store.read_weights(models_dir / "contrastive", "matcher", matcher)
    faces = FaceEmbeddings(kind, face.load(models_dir / "face", device) if kind != "gradients" else None)
    return Contrastive(speaker.load(models_dir / "voice", device), faces, matcher, device)
