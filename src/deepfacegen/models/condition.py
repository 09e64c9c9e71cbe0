"""What of a voice embedding the generator gets to see."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WholeCondition(nn.Module):
    """The unit embedding itself; noise moves it over the sphere (Wen et al. 2019). [B, Y] -> [B, Y]."""

    def __init__(self, embedding_dim: int, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, embedding: Tensor) -> Tensor:
        return embedding

    def perturb(self, condition: Tensor, noise: Tensor) -> Tensor:
        return F.normalize(condition + noise, dim=1)


class ProjectedCondition(nn.Module):
    """The few directions of the embedding that predict faces, each of unit deviation: [B, Y] -> [B, K].

    A 64-d embedding names every training person, so a generator that sees all of it learns those people's faces by heart. These
    directions (fitted by `training.reduced_rank`) say what the voice says about any face, and noise fills the space between people.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, embedding_dim: int, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("mean", torch.zeros(embedding_dim))
        self.register_buffer("matrix", torch.zeros(embedding_dim, dim))

    def forward(self, embedding: Tensor) -> Tensor:
        return (embedding - self.mean) @ self.matrix

    def perturb(self, condition: Tensor, noise: Tensor) -> Tensor:
        return condition + noise


Condition = WholeCondition | ProjectedCondition
