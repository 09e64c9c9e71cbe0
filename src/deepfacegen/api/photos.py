"""Faces in a user's photos: read, found and aligned as in training, or one line that says why not."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from deepfacegen.api import finding
from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.faces.find import find_face
from deepfacegen.data.files import kinds
from deepfacegen.data.files.pictures import RejectError, read_photo
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.errors import UserError

_SMALLEST_PX = FacesConfig().min_face_px
EXPLAINED = {
    "corrupt": "cannot be read as a picture",
    "too_large": "is too large a picture",
    "no_face": "no face is found in it",
    "several_faces": "shows more than one face; cut out the one that is meant",
    "too_small": f"its face is less than {_SMALLEST_PX} px high",
    "extreme_pose": "its face is turned too far to the side",
    **kinds.UNREAD,
}


def find(root: Path, passed: PassedOver | None = None) -> list[Path]:
    """Photos below a folder, in a fixed order; the rest goes to `passed`. Raises UserError if there are
    none."""
    return finding.find(root, finding.PHOTOS, PassedOver() if passed is None else passed)


def read(path: Path) -> np.ndarray:
    """A photo, uint8 RGB [H, W, 3], upright. Raises UserError naming the file if it is missing or cannot be
    read."""
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: is no file")
    try:
        return read_photo(path)
    except RejectError as reject:
        raise UserError(f"{path}: {EXPLAINED[str(reject)]}") from None


def look(path: Path) -> np.ndarray:
    """The one face in a photo, aligned, uint8 [S, S, 3]. Raises UserError naming the file if there is none,
    or more than one."""
    picture = read(path)
    try:
        return find_face(FacesConfig(), detector(), picture).pixels
    except RejectError as reject:
        raise UserError(f"{path}: {EXPLAINED[str(reject)]}") from None


@functools.cache
def detector() -> Detector:
    """One for this process: photos are looked at one after the other."""
    return Detector()
