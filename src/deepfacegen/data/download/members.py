"""Which members of an archive may be written: plain files below one folder, limited in number and size."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tarfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deepfacegen.data.download.client import STOPPED
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.state import MAX_NAME_BYTES, replacing

MAX_MEMBERS = 6_000_000
MAX_RATIO = 100  # unpacked to packed; recordings and images have about 1, texts at most 20
SMALL_BYTES = 64 << 20  # archives that unpack to less than this may have any ratio
RESERVE_BYTES = 1 << 30  # left free on the disk
COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file of an archive, and the path that it gets (posix, relative)."""

    name: str
    path: str
    bytes: int


def checked_path(name: str, strip: str) -> str:
    """The relative path of a member. Raises FetchError (unsafe_archive) for a path that leads out of the
    folder or is not a valid file name on every system.
    """
    parts = [part for part in name.removeprefix("./").split("/") if part != ""]
    if (
        not parts
        or "\\" in name
        or re.match(r"^(/|[A-Za-z]:)", name)
        or any(ord(letter) < 32 for letter in name)
        or any(part in (".", "..") or len(part.encode("utf-8", "replace")) > MAX_NAME_BYTES for part in parts)
    ):
        raise FetchError("unsafe_archive", f"path {name!r:.120}")
    return "/".join(parts).removeprefix(strip)


def zip_member(info: zipfile.ZipInfo, strip: str) -> Member | None:
    """None for a folder. Raises FetchError for links, devices, and members that are encrypted."""
    path = checked_path(info.filename, strip)
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise FetchError("unsafe_archive", f"{info.filename!r} is a link or a device")
    if info.flag_bits & 0x1:
        raise FetchError("corrupt", f"{info.filename!r} is encrypted")
    return None if info.is_dir() else Member(info.filename, path, info.file_size)


def tar_member(info: tarfile.TarInfo, strip: str) -> Member | None:
    """None for a folder. Raises FetchError for anything else that is not a plain file."""
    if info.isdir() and info.name in (".", "./"):
        return None
    path = checked_path(info.name, strip)
    if not (info.isreg() or info.isdir()):
        raise FetchError("unsafe_archive", f"{info.name!r} is a link or a device")
    return None if info.isdir() else Member(info.name, path, info.size)


class Budget:
    """Compares the unpacked with the packed size. Raises FetchError (unsafe_archive) beyond the limits."""

    def __init__(self, packed_bytes: int) -> None:
        self.max_bytes = max(packed_bytes * MAX_RATIO, SMALL_BYTES)
        self.members = 0
        self.bytes = 0

    def add(self, size: int) -> None:
        self.members += 1
        self.bytes += size
        if size < 0 or self.bytes > self.max_bytes:
            detail = f"unpacks to more than {self.max_bytes} bytes, {MAX_RATIO} times its size"
            raise FetchError("unsafe_archive", detail)
        if self.members > MAX_MEMBERS:
            raise FetchError("unsafe_archive", f"more than {MAX_MEMBERS} members")


def is_written(into: Path, member: Member) -> bool:
    """Files get their final name only when complete, so one of the right size is done."""
    try:
        status = os.lstat(into / member.path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == member.bytes


def write_member(
    source: IO[bytes], into: Path, member: Member, stop: threading.Event, folders: set[str]
) -> None:
    """Copy to its place, under another name until complete. `folders`: those known to exist.

    Raises FetchError.
    """
    target = into / member.path
    parent = str(target.parent)
    if parent not in folders:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(into.resolve()):
            raise FetchError("unsafe_archive", f"{target.parent} leads out of {into}")
        folders.add(parent)
        if len(folders) % 64 == 1 and shutil.disk_usage(into).free < RESERVE_BYTES:
            raise OSError(errno.ENOSPC, "only the reserve is left", str(into))
    count = 0
    with replacing(target) as partial, partial.open("wb") as file:
        while chunk := source.read(COPY_BYTES):
            if stop.is_set():
                raise FetchError("failed", STOPPED)
            count += len(chunk)
            if count > member.bytes:
                raise FetchError("unsafe_archive", f"{member.name!r} is longer than the archive states")
            file.write(chunk)
        if count != member.bytes:
            raise FetchError("truncated", f"{member.name!r}: {count} of {member.bytes} bytes")
