"""A prior small enough for tests: untrained, of a fixed seed."""

from __future__ import annotations

import torch

from deepfacegen.systems.prior.prior import Prior, Sizes

TINY = Sizes(image_size_px=32, channels=8, max_channels=16, code_dim=8)


def tiny_prior(sizes: Sizes = TINY, seed: int = 0) -> Prior:
    """Untrained networks, the same for the same seed."""
    torch.manual_seed(seed)
    return Prior.untrained(sizes)
