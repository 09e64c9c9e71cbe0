"""Names of files that are made beside or after a user's own, whatever the length of those."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

MOST_BYTES = 255  # where the limit of the file system is unknown


def longest(folder: Path) -> int:
    """How many bytes a name may have in a folder, which need not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError):
        return MOST_BYTES


def fitting(path: Path, most_bytes: int = MOST_BYTES, room: int = 0) -> Path:
    """The path, with its name cut and marked by a digest of all of it where it would be too long; `room`
    bytes stay free before the suffix."""
    most = most_bytes - room - len(os.fsencode(path.suffix))
    stem = path.stem
    if len(os.fsencode(stem)) <= most:
        return path
    mark = f"~{_digest(path.name, 8)}"
    while len(os.fsencode(stem)) > most - len(mark):
        stem = stem[:-1]
    return path.with_name(f"{stem}{mark}{path.suffix}")


def partial(path: Path, suffix: str = "") -> Path:
    """Where a file is written until it is whole: a short hidden name in the same folder, the same each
    time."""
    return path.with_name(f".{_digest(path.name, 16)}.partial{suffix}")


def _digest(name: str, letters: int) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:letters]
