"""From condition and latent to a face: a latent of the prior that is linear in both, and the prior's face of
it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.systems.prior.flow import Flow
from deepfacegen.systems.prior.networks import Synthesis
from deepfacegen.systems.prior.prior import Sizes


class LinearLatent(nn.Module):
    """latent of the prior = mean + C c + Z z, with z ~ N(0, 1) and uncorrelated with c by construction (the
    principal directions of what c leaves).

    All tensors are buffers: fitted in closed form by `fit`, never by gradient.
    """

    mean: Tensor
    by_condition: Tensor
    by_z: Tensor

    def __init__(self, condition: int, latent: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent))
        self.register_buffer("by_condition", torch.zeros(condition, latent))
        # Not torch.eye, for which the "meta" device imports seconds of code.
        self.register_buffer("by_z", torch.zeros(latent, latent).fill_diagonal_(1.0))

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        """[B, C], [B, Z] -> latents of the prior [B, Z]."""
        return self.mean + condition @ self.by_condition + z @ self.by_z

    def infer(self, latent: Tensor, condition: Tensor) -> Tensor:
        """The z of latents [B, Z]: unit deviation over training faces."""
        rest = latent - self.mean - condition @ self.by_condition
        return rest @ self.by_z.T / self.by_z.square().sum(dim=1).clamp(min=1e-12)

    @torch.no_grad()
    def fit(self, latents: Tensor, conditions: Tensor) -> None:
        """Latents of faces [N, Z] and the condition of each [N, C]; least squares, then the principal
        directions of what is left."""
        # NumPy's solvers: torch's least squares differs in the last bits from call to call, and resumed runs
        # must not.
        flat, c = latents.double().numpy(), conditions.double().numpy()
        mean, c_mean = flat.mean(axis=0), c.mean(axis=0)
        # Fewer people than numbers of a voice leave singular values that are rounding alone, which NumPy's
        # usual cut-off lets through.
        weights = np.linalg.pinv(c - c_mean, rcond=1e-9) @ (flat - mean)
        rest = flat - mean - (c - c_mean) @ weights
        _, size, directions = np.linalg.svd(rest, full_matrices=False)
        self.mean.copy_(torch.from_numpy(mean - c_mean @ weights))
        self.by_condition.copy_(torch.from_numpy(weights))
        self.by_z.zero_()
        self.by_z[: len(size)] = torch.from_numpy(directions * (size / len(flat) ** 0.5)[:, None])


class Generator(nn.Module):
    """Condition [B, C] and z [B, Z], of unit deviation -> face [B, 3, S, S] in [-1, 1] (clamped when it
    becomes a picture). Flow and synthesis begin as the prior's; the synthesis alone is trained."""

    def __init__(self, condition: int, sizes: Sizes) -> None:
        super().__init__()
        self.z = sizes.code_dim
        self.latent = LinearLatent(condition, sizes.code_dim)
        self.flow = Flow(sizes.code_dim).requires_grad_(False)
        self.synthesis = Synthesis(*sizes.widths, sizes.code_dim)

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        return self.synthesis(self.flow(self.latent(condition, z)))
