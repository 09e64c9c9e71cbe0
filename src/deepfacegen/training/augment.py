"""Changes to training faces that leave the person the same: mirror, turn, scale, shift, light, contrast,
grey, and a hidden square."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

DRAWS = 10  # numbers that a face takes


@dataclass(frozen=True)
class Strength:
    """The most that each change may be; all zero but for `mirror`: faces are left as they are."""

    turn_radians: float = 0.12
    scale: float = 0.1
    shift: float = 0.04  # of the side
    contrast: float = 0.3
    light: float = 0.2  # of the range [-1, 1]
    grey_share: float = 0.1
    hidden: float = 0.3  # side of the square, of the side
    mirror: bool = True


def augment(faces: Tensor, chance: Tensor, strength: Strength) -> Tensor:
    """Faces [B, 3, S, S] in [-1, 1] and uniform numbers in [0, 1), [B, DRAWS] -> changed faces; the border is
    continued, what is hidden is 0.

    Each face depends on its own row of numbers alone, so that ranks that share a batch change it as one
    process does.
    """
    u = chance.to(faces)
    both_ways = 2 * u - 1
    flipped = torch.where((u[:, 0] < 0.5) & strength.mirror, -1.0, 1.0)
    size, angle = 1 + strength.scale * both_ways[:, 1], strength.turn_radians * both_ways[:, 2]
    shift = 2 * strength.shift * both_ways[:, 3:5]  # grid_sample counts from -1 to 1
    across = torch.stack([flipped * size * angle.cos(), -size * angle.sin(), shift[:, 0]], dim=1)
    down = torch.stack([flipped * size * angle.sin(), size * angle.cos(), shift[:, 1]], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(faces.shape), align_corners=False)
    moved = F.grid_sample(faces, grid, padding_mode="border", align_corners=False)
    grey = (u[:, 5] < strength.grey_share)[:, None, None, None]
    moved = torch.where(grey, moved.mean(dim=1, keepdim=True), moved)
    moved = (
        moved * (1 + strength.contrast * both_ways[:, 6, None, None, None])
        + strength.light * both_ways[:, 7, None, None, None]
    )
    side = faces.shape[-1]
    place = (torch.arange(side, device=faces.device) + 0.5) / side
    near = (place - u[:, 8:10, None]).abs() < strength.hidden / 2
    return moved.masked_fill((near[:, 1, :, None] & near[:, 0, None, :])[:, None], 0.0)
