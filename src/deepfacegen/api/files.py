"""Files that a user names: one file that can be read, or all files of a kind below a folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from deepfacegen.data.files import kinds
from deepfacegen.data.files.media import MediaError
from deepfacegen.data.files.tree import PassedOver, Tree, is_file
from deepfacegen.errors import UserError

RECORDINGS, PHOTOS = ("audio", "video"), ("photo",)
OTHERS = {"audio": "recordings", "video": "recordings", "photo": "photos", "": "other_files"}


def check(path: Path) -> None:
    """Raises UserError naming the path unless it is a file that is not empty."""
    try:
        exists = path.exists()
    except OSError as error:  # a name that is too long, a folder without permission
        raise UserError(f"{path}: {error.strerror}") from None
    if not exists:
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: is not a file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")


def undecodable(path: Path, error: MediaError, explained: Mapping[str, str]) -> UserError:
    """The error for a file that cannot be decoded; `explained`: the decoder's reason -> words for it."""
    detail = f" ({error.detail})" if error.detail else ""
    return UserError(f"{path}: {explained.get(error.reason, error.reason)}{detail}")


def find(
    root: Path,
    wanted: Collection[str],
    passed: PassedOver | None = None,
    without: Path | None = None,
    own: Collection[str] = (),
) -> list[Path]:
    """Files of the kinds `wanted` below a folder, sorted; all others go to `passed`.

    `without` is a folder to leave out; if it is the root itself, only the names `own` in it are left out.
    Broken links are found by their suffix, so that each is accounted for. Raises UserError if there are no
    files.
    """
    passed = PassedOver() if passed is None else passed
    found = []
    here = without is not None and os.path.realpath(without) == os.path.realpath(root)
    for inside, entry in Tree(root, passed, any_name=True, without=without).files():
        if here and not inside and entry.name in own:
            continue
        path = root / inside / entry.name
        kind = kinds.kind(path) if is_file(entry) else kinds.by_suffix(entry.name) or ""
        if kind in wanted:
            found.append(path)
        else:
            passed.add(str(path), OTHERS[kind])
    if not found:
        what = "photos" if wanted == PHOTOS else "recordings"
        message = f"{root}: no {what} in this folder or below it"
        raise UserError("; ".join(filter(None, (message, passed.line()))))
    return sorted(found)
