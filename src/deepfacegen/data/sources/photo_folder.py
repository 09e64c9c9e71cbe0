"""Photos of people without voices (data.photos_root): found below one folder, each with the person that its
folder names."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa

from deepfacegen.data.files.tree import PassedOver, is_folder
from deepfacegen.data.sources.inventories import FACE_COLUMNS, Inventory
from deepfacegen.data.sources.names import bare
from deepfacegen.data.sources.scan import BETWEEN, NEVER_PEOPLE, Folders, Lister, plain
from deepfacegen.errors import UserError


def inventory(root: Path, sizes: bool, passed: PassedOver) -> pa.Table:
    """The photos below `root` in the columns of the faces' inventory (inventories.FACE_COLUMNS), sorted.

    A folder is one person, however deep its photos lie, but one with a name of data sets' own (`train`,
    `images`, ...) is as the root itself. A photo that lies in the root is a person of its own. Raises
    UserError when there is no such folder, or no photo in it.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder (data.photos_root)")
    lister, rows = Lister(root, sizes, passed), Inventory(FACE_COLUMNS)
    people: Folders = {}
    waiting = [""]
    followed: list[str] = []
    while waiting:
        inside = waiting.pop()
        for entry in lister.entries(inside):
            path, name = f"{inside}{entry.name}", entry.name.lower()
            if not is_folder(entry):
                rows.add(_of_its_own(lister, inside, entry))
            elif name in NEVER_PEOPLE:
                lister.pass_over(f"{path}/", "annotation_folders")
            elif entry.is_symlink() and not lister.follow(f"{path}/", followed):
                continue
            elif name in BETWEEN:
                waiting.append(f"{path}/")
            else:
                people.setdefault(bare(entry.name) or entry.name, []).append(path)
    for person, folders in sorted(people.items()):
        rows.add(lister.photos(person, sorted(folders)))
    found = rows.table()
    if not found.num_rows:
        raise UserError(
            f"{root}: holds no photo (data.photos_root){'; ' * bool(passed.counts)}{passed.line()}"
        )
    return found


def _of_its_own(lister: Lister, inside: str, entry: os.DirEntry[str]) -> list[tuple]:
    """The row of a photo that is in no person's folder; none for other files, which are passed over."""
    kind, path = lister.kind(inside.rstrip("/"), entry), f"{inside}{entry.name}"
    if kind != "photo":
        lister.no_use(path, kind)
        return []
    stem = os.path.splitext(entry.name)[0]
    return [(plain(f"{inside}{stem}"), bare(stem) or stem, path, kind, lister.size(entry))]
