"""Faces in a user's photos: read, detected and aligned as in training, or one line that says why not."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from deepfacegen.api import files
from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.faces.find import find_face
from deepfacegen.data.files import kinds
from deepfacegen.data.files.pictures import RejectError, read_photo
from deepfacegen.errors import UserError

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


@functools.cache
def detector() -> Detector:
    """One for this process: photos are processed one after the other."""
    return Detector()
