"""A differentiable warp: what of a face moves, given by a control grid of shifts (in place of the splines of
Cole et al. 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def warp(pictures: Tensor, shifts_px: Tensor) -> Tensor:
    """Pictures [B, C, H, W] seen through a control grid of shifts [B, 2, G, G] (x, then y, in pixels): [B, C,
    H, W].

    Pixel (x, y) of the result is the picture at (x, y) + shift(x, y). The grid's outermost points lie on the
    centres of the outermost pixels; between the points shifts are interpolated bilinearly, and so is the
    picture between its pixels. Beyond its border the picture goes on as it ends.
    """
    height, width = pictures.shape[2:]
    shift = F.interpolate(shifts_px, (height, width), mode="bilinear", align_corners=True)
    y, x = torch.meshgrid(
        torch.arange(height, device=pictures.device),
        torch.arange(width, device=pictures.device),
        indexing="ij",
    )
    places = torch.stack(
        [(x + shift[:, 0]) * (2 / (width - 1)) - 1, (y + shift[:, 1]) * (2 / (height - 1)) - 1], dim=3
    )
    return F.grid_sample(
        pictures, places.to(pictures), mode="bilinear", padding_mode="border", align_corners=True
    )


def bending(shifts_px: Tensor) -> Tensor:
    """How far a grid of shifts [B, 2, G, G], G >= 3, is from an affine map: mean squared second difference
    along both axes, a scalar."""
    along, down = shifts_px.diff(n=2, dim=3), shifts_px.diff(n=2, dim=2)
    return along.square().mean() + down.square().mean()
