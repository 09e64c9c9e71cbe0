"""Faces in a user's photos: read, found and aligned as in training, or one line that says why not."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np

from deepfacegen.config import FacesConfig
from deepfacegen.data.detect import Detector
from deepfacegen.data.face_files import find_face
from deepfacegen.data.pictures import RejectError, read_photo
from deepfacegen.errors import UserError

SUFFIXES = frozenset({".bmp", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_SMALLEST_PX = FacesConfig().min_face_px
EXPLAINED = {
    "corrupt": "cannot be read as a picture",
    "too_large": "is too large a picture",
    "no_face": "no face is found in it",
    "several_faces": "shows more than one face; cut out the one that is meant",
    "too_small": f"its face is less than {_SMALLEST_PX} px high",
    "extreme_pose": "its face is turned too far to the side",
}


def find(root: Path) -> list[Path]:
    """Photos below a folder, by their suffix, in a fixed order; hidden files and folders are left out. Raises UserError if there are none."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [Path(folder, name) for name in names if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES]
    if not found:
        raise UserError(f"{root}: no photos in this folder or below it (looked for {' '.join(sorted(SUFFIXES))})")
    return sorted(found)


def read(path: Path) -> np.ndarray:
    """A photo, uint8 RGB [H, W, 3], upright. Raises UserError naming the file if it is missing or cannot be read."""
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: is no file")
    try:
        return read_photo(path)
    except RejectError as reject:
        raise UserError(f"{path}: {EXPLAINED[str(reject)]}") from None


def look(path: Path) -> np.ndarray:
    """The one face in a photo, aligned, uint8 [S, S, 3]. Raises UserError naming the file if there is none, or more than one."""
    picture = read(path)
    try:
        return find_face(FacesConfig(), detector(), picture).pixels
    except RejectError as reject:
        raise UserError(f"{path}: {EXPLAINED[str(reject)]}") from None


@functools.cache
def detector() -> Detector:
    """One for this process: photos are looked at one after the other."""
    return Detector()
