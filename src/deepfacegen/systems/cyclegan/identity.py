"""Whom a drawn face should look like: embeddings of photos by the project's face network, and the
verification of drawn faces by it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.data.shards import FaceShards
from deepfacegen.training.augment import Strength, augment

CHUNK = 64
VERIFIED_PX = 64  # what the face network takes


class FaceEncoder(Protocol):
    """The project's face network (`encoders.face`), which gives the identity. It is never the judge."""

    network: nn.Module  # [B, 3, 64, 64] in [-1, 1] -> (unit embedding [B, D], feature)
    trained_with: list[str]  # judges that took part in it

    def embed(self, faces: np.ndarray) -> Any: ...  # uint8 [N, S, S, 3] -> [N, D]


def embed(face: FaceEncoder, faces: pd.DataFrame, photos: FaceShards) -> np.ndarray:
    """The embedding of each photo of a faces table, float32 [N, D]."""
    parts = [faces.iloc[i : i + CHUNK] for i in range(0, len(faces), CHUNK)]
    return np.concatenate(
        [
            np.asarray(face.embed(photos.gather(p["shard"].to_numpy(), p["row"].to_numpy())), np.float32)
            for p in parts
        ]
    )


def verification_loss(verifier: nn.Module, drawn: Tensor, who: Tensor, chance: Tensor) -> Tensor:
    """1 - cosine between the embeddings of drawn faces [B, 3, S, S] and those asked for [B, D], over the
    faces for which one (not zeros) was.

    The drawn faces are changed first as the face network's training changes faces, by `chance` [B, DRAWS] in
    [0, 1): else the cheapest way to a small loss is a pattern of pixels that only this network takes for the
    person.
    """
    seen = verifier(
        augment(F.interpolate(drawn, (VERIFIED_PX, VERIFIED_PX), mode="area"), chance, Strength())
    )[0]
    asked = (who.abs().sum(dim=1) > 0).float()
    return ((1 - (seen * who).sum(dim=1)) * asked).sum() / distributed.per_rank(asked.sum())
