"""Histograms of oriented gradients (Dalal and Triggs 2005): the shape of a face, whatever its skin tone and
light."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen.training.pixels import from_pixels

SIDE_PX, MARGIN_PX = 64, 8  # the inner 48 px hold the face; hair and background lie outside
CELL_PX, ORIENTATIONS = 6, 9
FEATURES = 1764  # numbers of a face's description


def oriented_gradients(faces: Tensor) -> Tensor:
    """Aligned faces [B, 3, 64, 64] -> [B, 1764]: 9 unsigned orientations in 8 x 8 cells, normalised over
    blocks of 2 x 2, square roots.

    A face and its mirror image have the same description: the mean of both.
    """
    grey = faces.mean(dim=1)
    return 0.5 * (_histograms(grey) + _histograms(grey.flip(2)))


def gradients_of(faces: np.ndarray) -> Tensor:
    """Aligned faces uint8 [N, S, S, 3], shrunk by area -> their oriented gradients, float32 [N, 1764]."""
    return oriented_gradients(sized(from_pixels(torch.from_numpy(faces), faces.shape[1])))


def sized(faces: Tensor) -> Tensor:
    """[B, 3, S, S] -> [B, 3, 64, 64], by area."""
    return F.interpolate(faces, (SIDE_PX, SIDE_PX), mode="area")


def _histograms(grey: Tensor) -> Tensor:
    inner = grey[:, MARGIN_PX - 1 : SIDE_PX - MARGIN_PX + 1, MARGIN_PX - 1 : SIDE_PX - MARGIN_PX + 1]
    across = inner[:, 1:-1, 2:] - inner[:, 1:-1, :-2]
    down = inner[:, 2:, 1:-1] - inner[:, :-2, 1:-1]
    size = torch.hypot(across, down)
    # Each gradient is shared between the two nearest orientations; a line has no direction, so angles are
    # taken modulo pi.
    place = (torch.atan2(down, across) / torch.pi).remainder(1.0) * ORIENTATIONS
    bins = torch.arange(ORIENTATIONS, device=grey.device)[None, :, None, None]
    distance = (place[:, None] - bins).remainder(ORIENTATIONS)
    share = (1 - torch.minimum(distance, ORIENTATIONS - distance)).clamp(min=0)
    cells = F.avg_pool2d(share * size[:, None], CELL_PX)  # [B, 9, 8, 8]
    blocks = F.unfold(cells, 2)  # [B, 36, 49]
    return F.normalize(blocks, dim=1, eps=1e-3).sqrt().flatten(1)
