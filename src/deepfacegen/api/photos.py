"""Faces in a user's photos: read, detected and aligned as in training, or one line that says why not."""

from __future__ import annotations

import functools
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepfacegen.api import files
from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces.align import similarity, template
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.faces.find import certain, find_face
from deepfacegen.data.files import kinds
from deepfacegen.data.files.pictures import RejectError, read_photo
from deepfacegen.errors import UserError

ALIGNED = 0.06  # mean distance of a face's points from the template's, as a share of the side

EXPLAINED = {
    "corrupt": "cannot be read as a picture",
    "too_large": "is too large a picture",
    "no_face": "no face is found in it",
    "several_faces": "shows more than one face; cut out the one that is meant",
    "too_small": "its face is less than {min_face_px} px high",
    "extreme_pose": "its face is turned too far to the side",
    **kinds.UNREAD,
}


def read(path: Path) -> np.ndarray:
    """A photo, uint8 RGB [H, W, 3], upright. Raises UserError naming a file that cannot be read."""
    files.check(path)
    try:
        return read_photo(path)
    except RejectError as reject:
        raise UserError(f"{path}: {EXPLAINED[str(reject)]}") from None


def read_face(path: Path) -> np.ndarray:
    """The one face in a photo, aligned, uint8 [S, S, 3]. Raises UserError naming a file without one face."""
    return face_in(read(path), str(path), FacesConfig())


def face_in(picture: np.ndarray, name: str, config: FacesConfig) -> np.ndarray:
    """The one face in uint8 RGB [H, W, 3], aligned, uint8 [S, S, 3]. Raises UserError naming `name`."""
    try:
        return find_face(config, detector(), picture).pixels
    except RejectError as reject:
        why = EXPLAINED[str(reject)].format(min_face_px=config.min_face_px)
        raise UserError(f"{name}: {why}") from None


def face_at_own_size(
    picture: np.ndarray, name: str, config: FacesConfig, least_px: int
) -> tuple[np.ndarray, int]:
    """The one face in uint8 RGB [H, W, 3], aligned at the size S that it has in the picture, but from
    `least_px` to the size of `config`: uint8 [S, S, 3], and its size in the picture.

    A square picture that is aligned already is returned as it is. Raises UserError naming `name`.
    """
    height, width = picture.shape[:2]
    found = certain(config, detector().detect(picture))
    side = config.size_px
    if len(found):
        points = found.points[int(found.boxes[:, 3].argmax())]
        if height == width <= config.size_px and _aligned(points, width):
            return picture, width
        with suppress(ValueError):  # coinciding points, which `face_in` reports
            turn = similarity(points, template(config.size_px))
            side = max(1, round(config.size_px / float(np.hypot(turn[0, 0], turn[1, 0]))))
    pixels = face_in(picture, name, replace(config, size_px=min(max(side, least_px), config.size_px)))
    return pixels, side


def _aligned(points: np.ndarray, size_px: int) -> bool:
    """Whether a face's points [5, 2] lie where the alignment of `size_px` would have put them."""
    return float(np.abs(points - template(size_px)).mean()) < ALIGNED * size_px


@functools.cache
def detector() -> Detector:
    """One for this process: photos are processed one after the other."""
    return Detector()
