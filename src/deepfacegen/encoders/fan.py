"""68 points of a face by a FAN (Bulat and Tzimiropoulos 2017): what the network sees of a picture, and what
its heat maps say, in batches of faces.
 The network itself is that of the package face_alignment. Its own `get_landmarks` goes through one picture at
 a time and reads heat maps point by point in Python; here any number of faces of any pictures share a batch,
 and all points are read at once. Where a face is cut from its picture, and how a heat map is read, is as
 there, for the weights were trained so; only are points not rounded to whole pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

POINTS, INPUT_PX, MAP_PX = 68, 256, 64
# The side of the cut, in mean sides of a box, is 200 over the "reference scale" of the detector that gave the
# box; it lies a little above the box.
SCALE = 200.0
RAISED = 0.12
# A point lies a quarter of a cell from the middle of the highest one, towards the higher neighbour.
TOWARDS = 0.25
# iBUG's order of points. Right is the person's: on the left of the picture.
RIGHT_EYE, LEFT_EYE, NOSE_TIP, RIGHT_MOUTH, LEFT_MOUTH = slice(36, 42), slice(42, 48), 30, 48, 54

Network = Callable[
    [Tensor], list[Tensor]
]  # float [B, 3, 256, 256] in 0..1 -> of each stage, heat maps [B, 68, 64, 64]


def five(points: np.ndarray) -> np.ndarray:
    """68 points [..., 68, 2] -> the five that alignment uses, in its order: middle of each eye, tip of the
    nose, corners of the mouth [..., 5, 2]."""
    eyes = [points[..., eye, :].mean(axis=-2) for eye in (RIGHT_EYE, LEFT_EYE)]
    return np.stack(
        [*eyes, points[..., NOSE_TIP, :], points[..., RIGHT_MOUTH, :], points[..., LEFT_MOUTH, :]], axis=-2
    )


def windows(boxes: np.ndarray, reference_scale: float) -> np.ndarray:
    """Boxes [N, 4] (x, y, width, height) -> what is cut: int64 [N, 4] (left, top, right, bottom), right and
    bottom excluded; may reach outside."""
    x, y, width, height = np.asarray(boxes, dtype=np.float64).T
    side = SCALE * (width + height) / reference_scale
    middle = np.stack([x + width / 2, y + height / 2 - RAISED * height], axis=1)
    # As face_alignment: from the picture's corner the first pixel of 256 stands one step in, and places are
    # cut to whole pixels.
    first = np.trunc(middle - side[:, None] / 2 + side[:, None] / INPUT_PX)
    behind = np.maximum(np.trunc(middle + side[:, None] / 2), first + 1)
    return np.concatenate([first, behind], axis=1).astype(np.int64)


def cut(picture: np.ndarray, window: np.ndarray) -> Tensor:
    """uint8 RGB [H, W, 3] and a window [4] -> uint8 [3, 256, 256]; black outside the picture."""
    height, width = picture.shape[:2]
    left, top, right, bottom = (int(edge) for edge in window)
    inside = torch.from_numpy(
        np.ascontiguousarray(picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)])
    ).permute(2, 0, 1)
    if 0 in inside.shape:
        return torch.zeros(3, INPUT_PX, INPUT_PX, dtype=torch.uint8)
    around = (max(-left, 0), max(right - width, 0), max(-top, 0), max(bottom - height, 0))
    whole = F.pad(inside, around).float()
    return (
        F.interpolate(whole[None], (INPUT_PX, INPUT_PX), mode="bilinear", align_corners=False)[0]
        .round_()
        .to(torch.uint8)
    )


def places(maps: Tensor) -> Tensor:
    """Heat maps [B, 68, 64, 64] -> the place of each one's peak, in shares of its side: float32 [B, 68, 2]
    (x, y)."""
    maps = maps.float()
    side = maps.shape[-1]
    peak = maps.flatten(2).argmax(dim=2)
    column, row = peak % side, peak // side
    away = ((column > 0) & (column < side - 1) & (row > 0) & (row < side - 1)).float()

    def at(rows: Tensor, columns: Tensor) -> Tensor:
        return maps.flatten(2).gather(
            2, (rows.clamp(0, side - 1) * side + columns.clamp(0, side - 1))[..., None]
        )[..., 0]

    lean = torch.stack(
        [at(row, column + 1) - at(row, column - 1), at(row + 1, column) - at(row - 1, column)], dim=2
    ).sign()
    return (torch.stack([column, row], dim=2) + 0.5 + TOWARDS * lean * away[..., None]) / side


@torch.inference_mode()
def landmarks(
    network: Network,
    pictures: Sequence[np.ndarray],
    boxes: np.ndarray,
    reference_scale: float,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    batch: int = 64,
) -> np.ndarray:
    """One face each in N pictures, uint8 RGB [H, W, 3], and its box [N, 4] (x, y, width, height) -> float32
    [N, 68, 2], pixels as in `data.faces.align`.

    `network` lies on `device` and computes in `dtype`; `batch` faces go through it at once.
    """
    where = windows(boxes, reference_scale)
    found = [np.empty((0, POINTS, 2), dtype=np.float32)]
    for start in range(0, len(pictures), batch):
        cuts = torch.stack(
            [
                cut(picture, window)
                for picture, window in zip(
                    pictures[start : start + batch], where[start : start + batch], strict=True
                )
            ]
        )
        maps = network(cuts.to(device).to(dtype) / 255.0)[-1]
        found.append(places(maps).cpu().numpy())
    shares = np.concatenate(found)
    sides = (where[:, 2:] - where[:, :2])[:, None]
    return (where[:, None, :2] + shares * sides - 0.5).astype(np.float32)
