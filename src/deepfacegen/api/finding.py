"""Files of one kind in a folder that a user gives: found by suffix or content, links followed, and whatever
else lies there counted."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from deepfacegen.data.files import kinds
from deepfacegen.data.files.tree import PassedOver, Tree, is_file
from deepfacegen.errors import UserError

RECORDINGS, PHOTOS = ("audio", "video"), ("photo",)
OTHERS = {"audio": "recordings", "video": "recordings", "photo": "photos", "": "other_files"}


def find(
    root: Path,
    wanted: Collection[str],
    passed: PassedOver,
    without: Path | None = None,
    own: Collection[str] = (),
) -> list[Path]:
    """Files of the kinds `wanted` below a folder, in a fixed order; all others go to `passed`.

    `without` is a folder that is no part of it, or the root itself, in which the names `own` are not looked
    at. Links that lead nowhere are found by their suffix, so that each is accounted for. Raises UserError if
    there are no files.
    """
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
        raise UserError(
            "; ".join(filter(None, (f"{root}: no {what} in this folder or below it", passed.line())))
        )
    return sorted(found)
