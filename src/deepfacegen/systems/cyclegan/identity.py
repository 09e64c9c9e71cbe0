"""Whom a generated face should look like: embeddings of photos by the project's face network, and the
verification of generated faces by it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.training.augment import Strength, augment

VERIFIED_PX = 64  # what the face network takes


class FaceEncoder(Protocol):
    """The project's face network (`encoders.face`), which gives the identity. It is never the judge."""

    network: nn.Module  # [B, 3, 64, 64] in [-1, 1] -> (unit embedding [B, D], feature)
    trained_with: list[str]  # judges that took part in it

    def embed(self, faces: np.ndarray) -> Any: ...  # uint8 [N, S, S, 3] -> [N, D]


def embed(face: FaceEncoder, faces: pd.DataFrame, photos: FaceShards) -> np.ndarray:
    """The embedding of each photo of a faces table, float32 [N, D]."""
    parts = [np.asarray(face.embed(photos.rows(part)), np.float32) for part in batched(faces, 64)]
    return np.concatenate(parts)


def verification_loss(verifier: nn.Module, generated: Tensor, who: Tensor, chance: Tensor) -> Tensor:
    """1 - cosine between the embeddings of generated faces [B, 3, S, S] and those of the condition [B, D],
    over the faces that have one (not zeros).

    The generated faces are changed first as the face network's training changes faces, by `chance` [B, DRAWS]
    in [0, 1): else the cheapest way to a small loss is a pattern of pixels that only this network takes for
    the person.
    """
    small = F.interpolate(generated, (VERIFIED_PX, VERIFIED_PX), mode="area")
    found = verifier(augment(small, chance, Strength()))[0]
    known = (who.abs().sum(dim=1) > 0).float()
    return ((1 - (found * who).sum(dim=1)) * known).sum() / distributed.per_rank(known.sum())
