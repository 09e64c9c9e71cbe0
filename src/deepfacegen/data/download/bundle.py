"""Unpack a complete bundle into its folder, remove its archives, and record that this is done."""

from __future__ import annotations

import logging
import shutil
import threading

from deepfacegen.data.download.catalogue import Bundle
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.state import Row, State, replacing
from deepfacegen.data.download.unpack import Unpacked, unpack_tar, unpack_zip

log = logging.getLogger(__name__)


def _entry(bundle: Bundle) -> str:
    return f"{bundle.name}.unpacked"


def _object(bundle: Bundle) -> str:
    """An archive of one file has one row; a split one has a row for each part and one for the whole."""
    return bundle.items[0].name if len(bundle.items) == 1 else bundle.name


def is_unpacked(state: State, bundle: Bundle) -> bool:
    """It was unpacked, and the folder is still there."""
    known = state.load(_entry(bundle))
    return bool(known) and all((state.folder / bundle.into / top).exists() for top in known["tops"])


def forget_removed(state: State, bundle: Bundle) -> None:
    """If its folder was removed, fetch the bundle again."""
    if state.load(_entry(bundle)) and not is_unpacked(state, bundle):
        log.warning("%s: %s was removed; it is fetched again", bundle.name, state.folder / bundle.into)
        _forget(state, bundle)


def unpack_bundle(state: State, bundle: Bundle, keep_archives: bool, stop: threading.Event) -> None:
    """Unpack, record, remove the archives unless they are kept. All items must be there and checked."""
    archives = [state.archive(item.name) for item in bundle.items]
    known = [state.load(item.name) for item in bundle.items]
    sizes = [int(entry["bytes"]) for entry in known]
    into = state.folder / bundle.into

    def remove_archive(part: int) -> None:
        state.save(bundle.items[part].name, known[part] | {"used": True})
        archives[part].unlink(missing_ok=True)

    log.info("%s: unpacking into %s", bundle.name, into)
    try:
        if bundle.unpack == "zip":
            used_up = None if keep_archives else remove_archive
            done = unpack_zip(archives, sizes, into, bundle.strip, stop, used_up)
        elif bundle.unpack == "tar":
            done = unpack_tar(archives[0], into, bundle.strip, stop)
        else:
            done = _copy(state, bundle)
    except FetchError as failure:
        if not stop.is_set():
            _failed(state, bundle, failure)
        return
    state.save(_entry(bundle), {"files": done.files, "bytes": done.bytes, "tops": done.tops})
    if not keep_archives:
        for part in range(len(archives)):
            remove_archive(part)
    if bundle.unpack:
        size, sha256 = (sizes[0], known[0]["sha256"]) if len(known) == 1 else (0, "")
        detail = f"{done.files} files unpacked into {bundle.into}"
        state.record(Row(bundle.set, _object(bundle), "ok", detail, size, sha256, known[0]["source"]))


def _failed(state: State, bundle: Bundle, failure: FetchError) -> None:
    log.warning("%s: %s", bundle.name, failure)
    state.record(Row(bundle.set, _object(bundle), failure.status, failure.detail))
    if failure.status == "not_unpacked":
        _forget(state, bundle)
        return
    for item in bundle.items:  # without a published checksum the next download may be better
        if item.md5 is None and item.sha256 is None:
            state.set_checksum(item.name, None)
            state.remove(item.name)
            state.archive(item.name).unlink(missing_ok=True)


def _forget(state: State, bundle: Bundle) -> None:
    state.remove(_entry(bundle))
    for item in bundle.items:
        if state.load(item.name).get("used"):
            state.remove(item.name)


def _copy(state: State, bundle: Bundle) -> Unpacked:
    """Files that are not archives are copied to their folder."""
    into = state.folder / bundle.into
    for item in bundle.items:
        if state.archive(item.name).is_file():
            with replacing(into / item.name) as partial:
                shutil.copyfile(state.archive(item.name), partial)
    names = tuple(item.name for item in bundle.items)
    return Unpacked(len(names), sum((into / name).stat().st_size for name in names), names)
