"""A classifier of attributes, which checks whether refined faces have the attributes that were given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest.attributes import matrix
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.encoders.gradients import oriented_gradients
from deepfacegen.evaluation.embedders.chips import shrink

SIDE_PX, RIDGE = 64, 1.0
FACES_AT_ONCE = 64


@dataclass(frozen=True)
class AttributeClassifier:
    """Recognises attributes in faces: kernel ridge regression on shape (oriented gradients), colours, and the
    eyes, all at 64 px.

    It takes no part in the training of the GAN, nor the GAN in its own: they share the photos of training
    people, and nothing that is learned. Features and ridge were chosen by cross-validation over training and
    validation people of sample data with other seeds than the default.
    """

    means: tuple[Tensor, ...]
    scales: tuple[Tensor, ...]
    support: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def fit(cls, faces: np.ndarray, attributes: np.ndarray, ridge: float = RIDGE) -> AttributeClassifier:
        """uint8 [N, S, S, 3] and attributes [N, K] (1, -1, nan unknown; unknown ones count as 0). Each face
        is also taken mirrored."""
        both = _features(np.concatenate([faces, faces[:, :, ::-1]]))
        means = tuple(part.mean(dim=0) for part in both)
        scales = tuple(
            (part - mean).std() * part.shape[1] ** 0.5 for part, mean in zip(both, means, strict=True)
        )
        support = _joined(both, means, scales)
        target = torch.from_numpy(np.nan_to_num(attributes)).float().repeat(2, 1)
        bias = target.mean(dim=0)
        weight = torch.linalg.solve(support @ support.T + ridge * torch.eye(len(support)), target - bias)
        return cls(means, scales, support, weight, bias)

    def scores(self, faces: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> float32 [N, K]: above 0 where the face has the attribute."""
        parts = [_joined(_features(part), self.means, self.scales) for part in batched(faces, FACES_AT_ONCE)]
        return (torch.cat(parts) @ self.support.T @ self.weight + self.bias).numpy()


def classifier(manifest: Manifest, photos: FaceShards, attributes: pd.DataFrame) -> AttributeClassifier:
    """From all photos of training and validation people (the GAN is trained on the former); none of a test
    person."""
    known = manifest.faces[manifest.faces["split"].isin(["train", "val"])]
    return AttributeClassifier.fit(photos.rows(known), matrix(attributes, known))


def _features(faces: np.ndarray) -> tuple[Tensor, ...]:
    """Shape, colours at 16 px, the inner face at 32 px, the band of the eyes at 64 px, and its colours
    independent of the light, each [N, D]."""
    pixels = torch.from_numpy(shrink(np.ascontiguousarray(faces), SIDE_PX))
    x = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
    eyes = x[:, :, 22:34, 14:50]
    parts = (F.avg_pool2d(x, 4), F.avg_pool2d(x, 2)[:, :, 6:26, 6:26], eyes, eyes[:, [0, 2]] - eyes[:, 1:2])
    return (oriented_gradients(x), *(part.flatten(1) for part in parts))


def _joined(parts: tuple[Tensor, ...], means: tuple[Tensor, ...], scales: tuple[Tensor, ...]) -> Tensor:
    return torch.cat(
        [(part - mean) / scale for part, mean, scale in zip(parts, means, scales, strict=True)], dim=1
    )
