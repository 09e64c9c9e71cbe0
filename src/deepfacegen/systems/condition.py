"""What of a voice (an embedding with the pitch beside it) the generator gets to see."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.encoders.gradients import FEATURES


class WholeCondition(nn.Module):
    """The unit embedding itself, without the pitch: [B, Y] -> [B, Y - 1]. Noise moves it over the sphere (Wen
    et al. 2019)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, voice: Tensor) -> Tensor:
        return voice[:, : self.dim]

    def perturb(self, condition: Tensor, noise: Tensor) -> Tensor:
        return F.normalize(condition + noise, dim=1)


class ProjectedCondition(nn.Module):
    """The few directions of a voice's embedding that predict faces, each of unit deviation: [B, Y] -> [B, K].

    A 64-d embedding names every training person, so a generator that sees all of it learns those people's
    faces by heart. These directions (fitted by `training.reduced_rank`) say what the voice says about any
    face, and noise fills the space between people.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, voice_dim: int, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("mean", torch.zeros(voice_dim))
        self.register_buffer("matrix", torch.zeros(voice_dim, dim))

    def forward(self, voice: Tensor) -> Tensor:
        return (voice - self.mean) @ self.matrix

    def perturb(self, condition: Tensor, noise: Tensor) -> Tensor:
        return condition + noise


class PredictedCondition(nn.Module):
    """The directions of faces that voices predict: measured on a photo, or predicted from a voice, with what
    the prediction leaves open.

    `forward` predicts: [B, Y] -> [B, K], the mean over the faces that such a voice may have. `measure` takes
    a face's oriented gradients [B, 1764] -> [B, K], of unit deviation over photos. Their difference has the
    covariance spread spread^T on people whom the prediction has not seen (`training.reduced_rank.predict`).
    """

    mean: Tensor
    matrix: Tensor
    spread: Tensor
    face_mean: Tensor
    face_matrix: Tensor

    def __init__(self, voice_dim: int, dim: int, face_dim: int = FEATURES) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("mean", torch.zeros(voice_dim))
        self.register_buffer("matrix", torch.zeros(voice_dim, dim))
        self.register_buffer("spread", torch.eye(dim))
        self.register_buffer("face_mean", torch.zeros(face_dim))
        self.register_buffer("face_matrix", torch.zeros(face_dim, dim))

    def forward(self, voice: Tensor) -> Tensor:
        return (voice - self.mean) @ self.matrix

    def measure(self, gradients: Tensor) -> Tensor:
        return (gradients - self.face_mean) @ self.face_matrix

    def perturb(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Another face that the voice may have: noise [B, K] of unit deviation."""
        return condition + noise @ self.spread.T


Condition = WholeCondition | PredictedCondition


class Modulate(nn.Module):
    """Pixel norm, then a scale and shift per channel given by the style (FiLM): [B, C, H, W], [B, S] -> the
    same shape."""

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.5 * style**-0.5)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-6)
        scale, shift = self.affine(style)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, x, 1 + scale)
