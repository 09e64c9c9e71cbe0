"""A normalising flow between the codes of faces and a standard normal (Dinh et al. 2017).

Codes are not normally distributed: hair is long or short. Codes of a fitted normal distribution give faces
between the two, which fall apart; those of the flow do not.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from deepfacegen.training.steps import cosine, descend

WIDTH = 96
LAYERS = 8
BATCH = 512
LR = 2e-3
LARGEST = 2.0  # logarithm of the factor by which a layer scales
EVALUATIONS = 20


class Coupling(nn.Module):
    """Scales and shifts one half of a vector [B, Z] by what the other half says; `swapped`: the first half by
    the second."""

    def __init__(self, dim: int, swapped: bool) -> None:
        super().__init__()
        sizes = (dim // 2, dim - dim // 2)
        self.sizes, self.swapped = sizes, swapped
        kept, moved = sizes[::-1] if swapped else sizes
        last = nn.Linear(WIDTH, 2 * moved)
        nn.init.zeros_(last.weight)  # begins as the identity
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(
            *(nn.Linear(kept, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU()), last
        )

    def forward(self, x: Tensor) -> Tensor:
        kept, moved, log_scale, shift = self._parts(x)
        return self._joined(kept, moved * torch.exp(log_scale) + shift)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """And the logarithm of the determinant of the inverse's Jacobian [B]."""
        kept, moved, log_scale, shift = self._parts(x)
        return self._joined(kept, (moved - shift) * torch.exp(-log_scale)), -log_scale.sum(dim=1)

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        first, second = x.split(self.sizes, dim=1)
        kept, moved = (second, first) if self.swapped else (first, second)
        log_scale, shift = self.network(kept).chunk(2, dim=1)
        return kept, moved, LARGEST * torch.tanh(log_scale / LARGEST), shift

    def _joined(self, kept: Tensor, moved: Tensor) -> Tensor:
        return torch.cat([moved, kept] if self.swapped else [kept, moved], dim=1)


class Flow(nn.Module):
    """Standard normal [B, Z] -> codes [B, Z], and back by `inverse`. Begins as a fixed rotation; `fit` makes
    it one of codes."""

    mean: Tensor
    root: Tensor
    rotations: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.layers = nn.ModuleList(Coupling(dim, swapped=bool(i % 2)) for i in range(LAYERS))
        rng = torch.Generator().manual_seed(0)
        rotations = [torch.linalg.qr(torch.randn(dim, dim, generator=rng))[0] for _ in range(LAYERS)]
        self.register_buffer("rotations", torch.stack(rotations))
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("root", torch.eye(dim))  # of the covariance

    def forward(self, latent: Tensor) -> Tensor:
        x = latent
        for layer, rotation in zip(self.layers, self.rotations, strict=True):
            x = layer(x @ rotation)
        return x @ self.root + self.mean

    def inverse(self, code: Tensor) -> Tensor:
        return self._inverse(code)[0]

    def nats(self, code: Tensor) -> Tensor:
        """Negative log likelihood of codes [B, Z], in nats per number and up to a constant: scalar."""
        latent, log_determinant = self._inverse(code)
        return (0.5 * latent.square().sum(dim=1) - log_determinant).mean() / code.shape[1]

    def _inverse(self, code: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.linalg.solve(self.root, code - self.mean, left=False)
        total = x.new_zeros(len(x))
        layers: list[Any] = list(self.layers)
        for layer, rotation in zip(reversed(layers), self.rotations.flip(0), strict=True):
            x, log_determinant = layer.inverse(x)
            x, total = x @ rotation.T, total + log_determinant
        return x, total


def fit(flow: Flow, means: Tensor, deviations: Tensor, steps: int, seed: int) -> tuple[float, float]:
    """Fit `flow` to the codes of faces [N, Z], each normal with a mean and deviations, by maximum likelihood.

    Every tenth row takes no part, and the state of the highest likelihood of those, of EVALUATIONS, is kept.
    Returns their `Flow.nats` by a normal distribution and by the flow.
    """
    held_out = torch.arange(len(means)) % 10 == 9
    seen, unseen = (means[~held_out], deviations[~held_out]), means[held_out if held_out.any() else ~held_out]
    covariance = torch.cov(seen[0].T) + torch.diag(seen[1].square().mean(dim=0)) + 1e-6 * torch.eye(flow.dim)
    sizes, directions = torch.linalg.eigh(covariance)
    flow.mean.copy_(seen[0].mean(dim=0))
    flow.root.copy_((directions * sizes.sqrt()) @ directions.T)
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(flow.parameters(), LR)
    with torch.no_grad():
        first = best = float(flow.nats(unseen))
    kept = copy.deepcopy(flow.state_dict())
    for i in range(steps):
        cosine(optimiser, LR, i, steps)
        rows = torch.randint(len(seen[0]), (BATCH,), generator=rng)
        noise = torch.randn(BATCH, flow.dim, generator=rng)
        descend(optimiser, flow.nats(seen[0][rows] + seen[1][rows] * noise), longest=1.0)
        if (i + 1) % max(1, steps // EVALUATIONS) == 0:
            with torch.no_grad():
                now = float(flow.nats(unseen))
            if now < best:
                best, kept = now, copy.deepcopy(flow.state_dict())
    flow.load_state_dict(kept)
    return first, best
