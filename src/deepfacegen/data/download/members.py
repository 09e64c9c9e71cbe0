"""What may come out of an archive: plain files below one folder, not too many and not too large for the
archive they come from."""

from __future__ import annotations

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

from deepfacegen.data.download.failure import FetchError

MOST_MEMBERS = 6_000_000
MOST_RATIO = 100  # unpacked to packed; recordings and pictures have about 1, texts at most 20
SMALL_BYTES = 64 << 20  # below this much unpacked, no ratio is a danger
LONGEST_NAME = 255
RESERVE_BYTES = 1 << 30  # left free on the disk
COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file of an archive, with the path it gets (posix, relative)."""

    name: str
    path: str
    bytes: int


def checked_path(name: str, strip: str) -> str:
    """The relative path for a member. Raises FetchError (unsafe_archive) for one that leads elsewhere or
    cannot be a file's name everywhere."""
    told = repr(name)[:120]
    if not name or "\0" in name or "\\" in name or name.startswith("/") or re.match(r"^[A-Za-z]:", name):
        raise FetchError("unsafe_archive", f"path {told}")
    parts = [part for part in name.removeprefix("./").split("/") if part != ""]
    if not parts or any(
        part in (".", "..") or len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts
    ):
        raise FetchError("unsafe_archive", f"path {told}")
    if any(ord(letter) < 32 for letter in name):
        raise FetchError("unsafe_archive", f"path {told}")
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
    """None for a folder. Raises FetchError for everything else that is no plain file."""
    if info.isdir() and info.name in (".", "./"):
        return None
    path = checked_path(info.name, strip)
    if not (info.isreg() or info.isdir()):
        raise FetchError("unsafe_archive", f"{info.name!r} is a link or a device")
    return None if info.isdir() else Member(info.name, path, info.size)


class Budget:
    """Counts what comes out against what went in. Raises FetchError (unsafe_archive) when it is out of
    proportion."""

    def __init__(self, packed_bytes: int) -> None:
        self.most_bytes = max(packed_bytes * MOST_RATIO, SMALL_BYTES)
        self.members = 0
        self.bytes = 0

    def add(self, size: int) -> None:
        self.members += 1
        self.bytes += size
        if size < 0 or self.bytes > self.most_bytes:
            raise FetchError(
                "unsafe_archive", f"unpacks to more than {self.most_bytes} bytes, {MOST_RATIO} times its size"
            )
        if self.members > MOST_MEMBERS:
            raise FetchError("unsafe_archive", f"more than {MOST_MEMBERS} members")


def is_there(into: Path, member: Member) -> bool:
    """Files get their names only when they are complete, so one of the right size is done."""
    try:
        status = os.lstat(into / member.path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == member.bytes


def write_member(
    source: IO[bytes], into: Path, member: Member, stop: threading.Event, folders: set[str]
) -> None:
    """Copy to its place, under another name until complete. `folders`: those known to be there. Raises
    FetchError."""
    target = into / member.path
    parent = str(target.parent)
    if parent not in folders:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(into.resolve()):
            raise FetchError("unsafe_archive", f"{target.parent} leads out of {into}")
        folders.add(parent)
        if len(folders) % 64 == 1 and shutil.disk_usage(into).free < RESERVE_BYTES:
            raise OSError(28, "no space left but the reserve", str(into))
    partial = target.with_name(f".{target.name}.partial"[-LONGEST_NAME:])
    try:
        _copy(source, partial, member, stop)
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _copy(source: IO[bytes], partial: Path, member: Member, stop: threading.Event) -> None:
    count = 0
    with partial.open("wb") as file:
        while chunk := source.read(COPY_BYTES):
            if stop.is_set():
                raise FetchError("failed", "stopped")
            count += len(chunk)
            if count > member.bytes:
                raise FetchError("unsafe_archive", f"{member.name!r} is longer than the archive says")
            file.write(chunk)
    if count != member.bytes:
        raise FetchError("truncated", f"{member.name!r}: {count} of {member.bytes} bytes")
