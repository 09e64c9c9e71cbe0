"""Between pictures (uint8, channels last) and what networks see (float in [-1, 1], channels first)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def to_pixels(faces: Tensor) -> np.ndarray:
    """[B, 3, S, S] in [-1, 1] -> uint8 [B, S, S, 3]."""
    scaled = (faces.float().clamp(-1, 1) + 1) * 127.5
    return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def from_pixels(faces: Tensor, size_px: int, flip: Tensor | None = None) -> Tensor:
    """uint8 [B, S, S, 3] -> float [B, 3, size, size] in [-1, 1], shrunk by area; items with `flip` [B] are
    mirrored."""
    x = faces.permute(0, 3, 1, 2).float()
    if x.shape[-1] != size_px:
        x = F.avg_pool2d(x, x.shape[-1] // size_px)
    if flip is not None:
        x = torch.where(flip[:, None, None, None], x.flip(3), x)
    return x / 127.5 - 1
