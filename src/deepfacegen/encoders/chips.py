"""Where in an aligned face the square lies that dlib's networks look at, and its cut in torch, through which
gradients flow.
 `evaluation.embedders.chips` cuts the same square with OpenCV, for the judges; the training path does without
 OpenCV.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# The square of dlib's chip without padding, in shares of the side of an aligned face: centre (x, y) and side.
# The mean of those that dlib's five-point predictor chooses in 1,200 aligned photos of 600 people of LFW
# (over photos the standard deviation is 0.016 for the centre, 0.03 for the side, 4 degrees for the turn,
# whose mean is -0.5).
CENTRE = (0.503, 0.618)
SIDE = 0.477
# Below this scale a cut skips pixels, so the picture is shrunk by area first.
_SHRINK_BELOW = 0.8


def cut(faces: Tensor, size_px: int, padding: float) -> Tensor:
    """Aligned faces float [N, C, S, S] -> chips [N, C, size, size]; `padding` is room on every side, in sides
    of the unpadded chip.

    Where a chip reaches beyond its picture the border is continued.
    """
    share = SIDE * (1.0 + 2.0 * padding)
    shrunk = round(size_px / share)
    if shrunk < _SHRINK_BELOW * faces.shape[-1]:
        faces = F.interpolate(faces, (shrunk, shrunk), mode="area")
    across, down = (2.0 * c - 1.0 for c in CENTRE)  # grid_sample counts from -1 to 1, from edge to edge
    place = torch.tensor([[share, 0.0, across], [0.0, share, down]], device=faces.device, dtype=faces.dtype)
    shape = [len(faces), faces.shape[1], size_px, size_px]
    grid = F.affine_grid(place.expand(len(faces), -1, -1), shape, align_corners=False)
    return F.grid_sample(faces, grid, mode="bicubic", padding_mode="border", align_corners=False)
