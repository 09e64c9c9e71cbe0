"""From condition and latent to a face: a code that is linear in both, and the prior's synthesis of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.systems.cgan.networks import Synthesis
from deepfacegen.systems.cgan.prior import Sizes


class LinearCode(nn.Module):
    """code = mean + C c + Z z, with z ~ N(0, 1) and uncorrelated with c by construction (the principal
    directions of what c leaves).

    All tensors are buffers: fitted in closed form by `fit`, never by gradient.
    """

    mean: Tensor
    by_condition: Tensor
    by_latent: Tensor

    def __init__(self, condition: int, code: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(code))
        self.register_buffer("by_condition", torch.zeros(condition, code))
        self.register_buffer("by_latent", torch.eye(code))

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        """[B, C], [B, Z] -> codes [B, Z]."""
        return self.mean + condition @ self.by_condition + z @ self.by_latent

    def infer(self, code: Tensor, condition: Tensor) -> Tensor:
        """The z of codes [B, Z]: unit deviation over training faces."""
        rest = code - self.mean - condition @ self.by_condition
        return rest @ self.by_latent.T / self.by_latent.square().sum(dim=1).clamp(min=1e-12)

    @torch.no_grad()
    def fit(self, codes: Tensor, conditions: Tensor) -> None:
        """Codes of faces [N, Z] and the condition of each [N, C]; least squares, then the principal
        directions of what is left."""
        # NumPy's solvers: torch's least squares differs in the last bits from call to call, and resumed runs
        # must not.
        flat, c = codes.double().numpy(), conditions.double().numpy()
        mean, c_mean = flat.mean(axis=0), c.mean(axis=0)
        # Fewer people than numbers of a voice leave singular values that are rounding alone, which NumPy's
        # usual cut-off lets through.
        weights = np.linalg.pinv(c - c_mean, rcond=1e-9) @ (flat - mean)
        rest = flat - mean - (c - c_mean) @ weights
        _, size, directions = np.linalg.svd(rest, full_matrices=False)
        self.mean.copy_(torch.from_numpy(mean - c_mean @ weights))
        self.by_condition.copy_(torch.from_numpy(weights))
        self.by_latent.zero_()
        self.by_latent[: len(size)] = torch.from_numpy(directions * (size / len(flat) ** 0.5)[:, None])


class Generator(nn.Module):
    """Condition [B, C] and latent [B, Z], of unit deviation -> face [B, 3, S, S] in [-1, 1] (clamped when it
    becomes a picture). The synthesis begins as the prior's."""

    def __init__(self, condition: int, sizes: Sizes) -> None:
        super().__init__()
        self.z = sizes.code_dim
        self.code = LinearCode(condition, sizes.code_dim)
        self.synthesis = Synthesis(*sizes.widths, sizes.code_dim)

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        return self.synthesis(self.code(condition, z))
