"""The linear-Gaussian face: mean + what the condition predicts + the main ways faces differ beyond that. It
starts the generator off."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.systems.cgan.activation import FACE


class LinearFace(nn.Module):
    """x = f(mean + C c + Z z + rest), with z ~ N(0, 1) and uncorrelated with c by construction (probabilistic
    PCA of the residual).

    f is the activation of the generator's last layer (`systems.cgan.activation`), identity by default. The
    model is linear before it: `forward` gives what f is to be applied to, `infer` and `fit` take faces [B, 3,
    S, S] in [-1, 1] and undo f themselves.
    All tensors are buffers: the model is fitted in closed form by `fit`, never by gradient.
    """

    mean: Tensor
    by_condition: Tensor
    by_noise: Tensor

    def __init__(self, condition: int, z: int, image_size_px: int, activation: str = "identity") -> None:
        super().__init__()
        self.activation = FACE[activation]
        pixels = 3 * image_size_px**2
        self.shape = (3, image_size_px, image_size_px)
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("by_condition", torch.zeros(condition, pixels))
        self.register_buffer("by_noise", torch.zeros(z, pixels))

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        """[B, C], [B, Z] -> [B, 3, S, S], before the activation."""
        return (self.mean + condition @ self.by_condition + z @ self.by_noise).view(-1, *self.shape)

    def infer(self, face: Tensor, condition: Tensor) -> Tensor:
        """The z of true faces [B, 3, S, S]: unit deviation over training faces."""
        rest = self.activation.inverse(face).flatten(1) - self.mean - condition @ self.by_condition
        return rest @ self.by_noise.T / self.by_noise.square().sum(dim=1).clamp(min=1e-12)

    @torch.no_grad()
    def fit(self, faces: Tensor, conditions: Tensor) -> None:
        """faces [N, 3, S, S] and the condition of each one's person [N, C]; least squares, then PCA of what
        is left."""
        # NumPy's solvers: torch's least squares differs in the last bits from call to call, and resumed runs
        # must not.
        flat, c = self.activation.inverse(faces).flatten(1).double().numpy(), conditions.double().numpy()
        mean, c_mean = flat.mean(axis=0), c.mean(axis=0)
        centred, c_centred = flat - mean, c - c_mean
        weights = np.linalg.pinv(c_centred) @ centred
        rest = centred - c_centred @ weights
        _, size, directions = np.linalg.svd(rest, full_matrices=False)
        keep = min(len(self.by_noise), len(size))
        self.mean.copy_(torch.from_numpy(mean - c_mean @ weights))
        self.by_condition.copy_(torch.from_numpy(weights))
        self.by_noise[:keep] = torch.from_numpy(directions[:keep] * (size[:keep] / len(flat) ** 0.5)[:, None])
