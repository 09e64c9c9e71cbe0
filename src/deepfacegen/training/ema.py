"""A moving average of a network's weights: the one that draws."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """Exponential moving average with a half-life in steps; with `half_life_steps=0` it is the network as it
    is now, in the same memory."""

    def __init__(self, network: nn.Module, half_life_steps: float) -> None:
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life_steps = half_life_steps
        if half_life_steps == 0:
            self.average.load_state_dict(network.state_dict(), assign=True)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """After step number `step` (0-based). The half-life grows with the run, so early noise is forgotten
        soon (EDM2 does alike)."""
        if self.half_life_steps == 0:
            return
        half_life = min(self.half_life_steps, 0.1 * (step + 1))
        weight = 1.0 - 0.5 ** (1.0 / half_life)
        own: list[torch.Tensor] = list(self.average.parameters())
        new: list[torch.Tensor] = list(network.parameters())
        torch._foreach_lerp_(own, new, weight)
        for mine, theirs in zip(self.average.buffers(), network.buffers(), strict=True):
            mine.copy_(theirs)

    def state_dict(self) -> dict[str, torch.Tensor]:
        return self.average.state_dict()

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.average.load_state_dict(state)
