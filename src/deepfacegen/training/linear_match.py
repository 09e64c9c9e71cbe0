"""Matching voices with faces in closed form: ridge regression from the voice to principal components of the
face, compared by cosine.

On few people this is hard to beat: it starts the heads of `systems.contrastive.train`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

RIDGES = tuple(float(r) for r in np.logspace(-2, 2, 13))


@dataclass(frozen=True)
class Basis:
    """mean [P] and matrix [P, K] take embeddings of faces to half whitened principal components, of unit
    variance over all of them together."""

    mean: np.ndarray
    matrix: np.ndarray


def basis(faces: np.ndarray, blocks: Sequence[int], components: int) -> Basis:
    """faces [N, P], one row a person, made of blocks of so many columns, each of which counts for as much ->
    Basis of min(components, N - 1) columns.

    Half whitened: components that vary most are pose and light, those that vary little are where people
    differ (as `reduced_rank.principal`).
    """
    mean = faces.mean(axis=0)
    centred = faces - mean
    parts = np.split(centred, np.cumsum(blocks)[:-1], axis=1)
    weight = np.concatenate(
        [np.full(p.shape[1], 1.0 / max(np.sqrt(p.var(axis=0).sum()), 1e-12)) for p in parts]
    )
    _, size, directions = np.linalg.svd(centred * weight, full_matrices=False)
    keep = max(1, min(components, len(faces) - 1, int((size > 1e-9 * size[0]).sum())))
    matrix = weight[:, None] * directions[:keep].T / np.sqrt(size[:keep])
    return Basis(mean, matrix / max((centred @ matrix).std(), 1e-12))


def ridge(x: np.ndarray, y: np.ndarray, strengths: Sequence[float] = RIDGES) -> list[np.ndarray]:
    """Centred x [N, Y], y [N, K] -> weights [Y, K] for each ridge, in shares of the mean variance of x."""
    left, size, right = np.linalg.svd(x, full_matrices=False)
    scale = float((size**2).sum()) / x.shape[1]
    along = left.T @ y
    return [right.T @ ((size / (size**2 + s * scale))[:, None] * along) for s in strengths]


def accuracy_of_two(voices: Tensor, faces: Tensor) -> Tensor:
    """Unit vectors [..., N, K] of N >= 2 people's voices and faces -> share of choices of two that are right,
    both ways [...]. Ties count half."""
    score = voices @ faces.transpose(-1, -2)
    own = score.diagonal(dim1=-2, dim2=-1)
    n = score.shape[-1]
    sign = torch.sign(own[..., :, None] - score) + torch.sign(own[..., None, :] - score)  # 0 on the diagonal
    return 0.5 + sign.sum(dim=(-1, -2)) / (4 * n * (n - 1))


def best_ridge(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> int:
    """The number of the ridge with the best accuracy on people left out: x [N, Y], y [N, K], fold [N] (0, 1,
    ...), two people or more each."""
    right = np.zeros(len(RIDGES))
    for k in range(int(fold.max()) + 1):
        out = fold == k
        centre = x[~out].mean(axis=0)
        weights = ridge(x[~out] - centre, y[~out] - y[~out].mean(axis=0))
        truth = _unit(y[out])
        for i, w in enumerate(weights):
            predicted = torch.from_numpy(_unit((x[out] - centre) @ w))
            right[i] += out.sum() * float(accuracy_of_two(predicted, torch.from_numpy(truth)))
    return int(right.argmax())


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
