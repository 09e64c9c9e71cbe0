"""The user's folders as one digest: names, sizes and times of change, without reading or
copying a file."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen.config.paths import located
from deepfacegen.config.schema import Config
from deepfacegen.data.download.folders import roots
from deepfacegen.data.sources.roots import voices_root
from deepfacegen.errors import UserError


def place(config: Config, key: str) -> Path | None:
    """The path that `key` of the section data names, or its default in the download folder; None where
    data.source does not read it."""
    if key == "photos_root":
        return located(config.data.photos_root) if config.data.photos_root else None
    read = {"sample": (), "folder": ("root", "metadata")}.get(
        config.data.source, ("voices_root", "faces_root", "metadata")
    )
    if key not in read or (config.data.source == "folder" and key == "metadata" and not config.data.metadata):
        return None
    found = roots(config)
    return {
        "root": voices_root(config, Path()),
        "voices_root": found.voices,
        "faces_root": found.faces,
        "metadata": found.metadata,
    }[key]


def look(config: Config, key: str) -> dict[str, Any]:
    """`files`, `folders` and `digest` of what `key` names, its `folder` as params.yaml has it.

    Raises UserError when it is not there: a drive that is not mounted must not look like people who are gone.
    """
    path = place(config, key)
    if path is None:
        return {"key": key}
    if not path.exists():
        raise UserError(f"{path}: no such folder (data.{key})")
    folder = str(getattr(config.data, key) or path)
    return {"key": key, "folder": folder, **digest(path, config.data.file_sizes)}


def digest(path: Path, sizes: bool) -> dict[str, Any]:
    """Counts and digest of a file or of all below a folder; without `sizes` of names alone, which takes no
    call a file.

    Links to folders are followed, a loop of them once. Hidden files and folders are passed over, as the
    download stage does.
    """
    total, counts = hashlib.sha256(), Counter(files=0, folders=0)
    seen: set[tuple[int, int]] = set()
    waiting = [os.fsencode(path)]
    top = len(waiting[0])
    if path.is_file():
        _add(total, b"", path.stat() if sizes else None)
        return {"files": 1, "folders": 0, "digest": total.hexdigest()}
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                visible = (entry for entry in entries if not entry.name.startswith(b"."))
                every = sorted(visible, key=lambda entry: entry.name)
        except OSError as error:
            total.update(f"unreadable {error.errno}".encode() + folder[top:])
            continue
        for entry in every:
            try:
                if entry.is_dir():
                    if entry.is_symlink():
                        target = entry.stat()
                        if (target.st_dev, target.st_ino) in seen:
                            continue
                        seen.add((target.st_dev, target.st_ino))
                    counts["folders"] += 1
                    waiting.append(entry.path)
                    total.update(b"d" + entry.path[top:] + b"\0")
                else:
                    counts["files"] += 1
                    _add(total, entry.path[top:], entry.stat() if sizes else None)
            except OSError as error:  # gone, or a link that leads nowhere
                total.update(f"unreadable {error.errno}".encode() + entry.path[top:])
    return {**counts, "digest": total.hexdigest()}


def forget(keys: Sequence[str], folder: Path) -> None:
    """Remove from `folder` the digests of folders that are no longer watched."""
    for path in folder.glob("*.json"):
        if path.stem not in keys:
            path.unlink()


def times(table: pd.DataFrame, folders: dict[str, Path]) -> str:
    """A digest of the times of change of an inventory's files; `folders`: kind -> what its paths are relative
    to.

    Beside an inventory it changes also where a file is replaced by one of the same size.
    """
    total = hashlib.sha256()
    for kind, path in zip(table["kind"], table["path"], strict=True):
        try:
            total.update(b"%d " % os.stat(f"{folders[kind]}/{path}").st_mtime_ns)
        except OSError:
            total.update(b"- ")
    return total.hexdigest()


def _add(total: Any, name: bytes, found: os.stat_result | None) -> None:
    total.update(name + (b"\0%d %d\0" % (found.st_size, found.st_mtime_ns) if found is not None else b"\0"))
