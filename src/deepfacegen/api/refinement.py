"""Faces of any size through a refiner: what it generates, with the detail that the given face has kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from deepfacegen.api import photos
from deepfacegen.config.schema import FacesConfig
from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import Refiner


@dataclass(frozen=True)
class SourceFace:
    """An aligned face at the size that it has in its picture, uint8 [1, S, S, 3], but not larger than the
    refiner's and not smaller than what it takes; `side_px` is the size in the picture."""

    pixels: np.ndarray
    side_px: int


def read(path: Path, refiner: Refiner) -> SourceFace:
    """The face of a picture. A square picture of at most twice the refiner's low-res size, or one that shows
    a face in the alignment of generated faces, is taken as it is.

    Raises UserError naming the file when it is missing or does not show one face.
    """
    picture = photos.read(path)
    height, width = picture.shape[:2]
    if height == width and refiner.low_px <= width <= 2 * refiner.low_px:
        return SourceFace(picture[None].copy(), width)
    # Small faces are what this is for, so any that the detector finds is used.
    config = FacesConfig(size_px=refiner.size_px, min_face_px=8)
    pixels, side_px = photos.face_at_own_size(picture, str(path), config, refiner.low_px)
    return SourceFace(pixels[None].copy(), side_px)


def upscale(
    refiner: Refiner, source: SourceFace, attributes: np.ndarray | None, identity: np.ndarray | None
) -> np.ndarray:
    """A face, uint8 [1, S, S, 3], at the refiner's size: uint8 [1, size, size, 3].

    The refiner knows faces of its low-res size alone, and generates one from the face reduced to that. A
    larger face keeps its own detail: the difference between it and what the refiner makes of it with its own
    attributes is added. So changed attributes and finer detail alone are the refiner's.
    """
    low, side = reduced(source.pixels, refiner.low_px), source.pixels.shape[1]
    wanted = refiner.upscale(low, attributes, identity)
    if side == refiner.low_px:
        return wanted
    own = wanted if attributes is None else refiner.upscale(low, None, identity)
    lost = source.pixels[0].astype(np.float32) - _resized(own[0], side, Image.Resampling.BOX)
    detail = _resized(lost, refiner.size_px, Image.Resampling.LANCZOS)
    return np.clip(np.rint(wanted + detail), 0, 255).astype(np.uint8)


def check_enlarges(path: Path, source: SourceFace, refiner: Refiner, changes: bool) -> None:
    """Raises UserError for a face that has the refiner's size already and of which nothing is to be
    changed."""
    if source.side_px >= refiner.size_px and not changes:
        raise UserError(
            f"{path}: its face has {source.side_px} px already, and this refiner makes {refiner.size_px} px; "
            "name attributes to change with --attributes"
        )


def reduced(faces: np.ndarray, size_px: int) -> np.ndarray:
    """uint8 [N, S, S, 3] -> [N, size, size, 3] by area."""
    if faces.shape[1] == size_px:
        return faces
    side = (size_px, size_px)
    return np.stack([np.asarray(Image.fromarray(one).resize(side, Image.Resampling.BOX)) for one in faces])


def _resized(face: np.ndarray, size_px: int, way: Image.Resampling) -> np.ndarray:
    """A face of any numbers [S, S, 3] -> float32 [size, size, 3], not clipped."""
    channels = (Image.fromarray(face[..., k].astype(np.float32)) for k in range(3))
    return np.stack([np.asarray(one.resize((size_px, size_px), way)) for one in channels], axis=-1)
