"""A complete bundle into its folder, its archives removed afterwards, and the memory that this is done."""

from __future__ import annotations

import logging
import os
import shutil
import threading

from deepfacegen.data.download.catalogue import Bundle
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.state import ARCHIVES, Row, State
from deepfacegen.data.download.unpack import Unpacked, unpack_tar, unpack_zip

log = logging.getLogger(__name__)


def _memory(bundle: Bundle) -> str:
    return f"{bundle.name}.unpacked"


def row_name(bundle: Bundle) -> str:
    """An archive in one piece has one row, one in parts has one for each and one for the whole."""
    return bundle.items[0].name if len(bundle.items) == 1 else bundle.name


def is_unpacked(state: State, bundle: Bundle, *, forget: bool = True) -> bool:
    """It was unpacked, and the folder is still there. If it is not, `forget` makes a run fetch it again."""
    known = state.load(_memory(bundle))
    if not known:
        return False
    if all((state.folder / bundle.into / top).exists() for top in known["tops"]):
        return True
    if not forget:
        return False
    log.warning("%s: %s is gone; it is fetched again", bundle.name, state.folder / bundle.into)
    _forget(state, bundle)
    return False


def unpack_bundle(state: State, bundle: Bundle, keep_archives: bool, stop: threading.Event) -> None:
    """Unpack, remember, remove the archives unless they are kept, and tell. All items must be there and
    checked."""
    archives = [state.folder / ARCHIVES / item.name for item in bundle.items]
    known = [state.load(item.name) for item in bundle.items]
    into = state.folder / bundle.into

    def used_up(part: int) -> None:
        state.save(bundle.items[part].name, known[part] | {"used": True})
        archives[part].unlink(missing_ok=True)

    log.info("%s: unpacking into %s", bundle.name, into)
    try:
        if bundle.unpack == "zip":
            done = unpack_zip(
                archives,
                [int(entry["bytes"]) for entry in known],
                into,
                bundle.strip,
                stop,
                None if keep_archives else used_up,
            )
        elif bundle.unpack == "tar":
            done = unpack_tar(archives[0], into, bundle.strip, stop)
        else:
            done = _copy(state, bundle)
    except FetchError as failure:
        if not stop.is_set():
            _failed(state, bundle, failure)
        return
    state.save(_memory(bundle), {"files": done.files, "bytes": done.bytes, "tops": done.tops})
    if not keep_archives:
        for part in range(len(archives)):
            used_up(part)
    if bundle.unpack:
        size, sha256 = (
            sum(int(entry["bytes"]) for entry in known),
            known[0]["sha256"] if len(known) == 1 else "",
        )
        detail = f"{done.files} files unpacked into {bundle.into}"
        state.tell(
            Row(
                bundle.set,
                row_name(bundle),
                "ok",
                detail,
                size if len(known) == 1 else 0,
                sha256,
                known[0]["source"],
            )
        )


def _failed(state: State, bundle: Bundle, failure: FetchError) -> None:
    log.warning("%s: %s", bundle.name, failure)
    state.tell(Row(bundle.set, row_name(bundle), failure.status, failure.detail))
    if failure.status == "not_unpacked":
        _forget(state, bundle)
        return
    for item in bundle.items:  # nothing vouches for these bytes: the next run may get better ones
        if item.md5 is None and item.sha256 is None:
            state.remember(item.name, None)
            state.save(item.name, None)
            (state.folder / ARCHIVES / item.name).unlink(missing_ok=True)


def _forget(state: State, bundle: Bundle) -> None:
    state.save(_memory(bundle), None)
    for item in bundle.items:
        if state.load(item.name).get("used"):
            state.save(item.name, None)


def _copy(state: State, bundle: Bundle) -> Unpacked:
    """Files that are no archives go to their folder as they are."""
    into = state.folder / bundle.into
    into.mkdir(parents=True, exist_ok=True)
    size = 0
    for item in bundle.items:
        source, partial = state.folder / ARCHIVES / item.name, into / f".{item.name}.partial"
        if source.is_file():
            shutil.copyfile(source, partial)
            os.replace(partial, into / item.name)
        size += (into / item.name).stat().st_size
    return Unpacked(len(bundle.items), size, tuple(item.name for item in bundle.items))
