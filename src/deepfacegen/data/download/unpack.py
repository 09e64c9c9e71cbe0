"""Archives into folders: checked as a whole before anything is written, going on after an interruption, parts
removed as soon as they are used up.
 A zip archive is read through its central directory, its members in the order in which they lie in the parts;
 so a data set needs its own size and that of one part, not twice its size. A tar archive is read twice, once
 to check it and once to unpack it.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.joined import Joined
from deepfacegen.data.download.members import Budget, Member, is_there, tar_member, write_member, zip_member

BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError)
BUFFER_BYTES = 1 << 20
MOST_TOPS = 16


@dataclass(frozen=True)
class Unpacked:
    """What came out; `tops`: the first few names directly below the folder, by which a later run sees whether
    it is still there."""

    files: int
    bytes: int
    tops: tuple[str, ...]


def unpack_zip(
    parts: Sequence[Path],
    sizes: Sequence[int],
    into: Path,
    strip: str,
    stop: threading.Event,
    used_up: Callable[[int], None] | None = None,
) -> Unpacked:
    """Unpack the zip archive that the parts make together. Parts of which nothing more is needed are handed
    to `used_up`, by number, in order, but for those that the end of the work needs.

    Parts that earlier calls used up may be missing; what lay in them must be unpacked by now. Raises
    FetchError.
    """
    folders: set[str] = set()
    with (
        _broken_as_failed(),
        Joined(parts, sizes) as raw,
        zipfile.ZipFile(io.BufferedReader(raw, BUFFER_BYTES)) as archive,
    ):
        entries = sorted(archive.infolist(), key=lambda info: info.header_offset)
        budget = Budget(sum(sizes))
        members: list[tuple[zipfile.ZipInfo, Member]] = []
        for info in entries:
            member = zip_member(info, strip)
            budget.add(info.file_size)
            if member is not None:
                members.append((info, member))
        _refuse_doubles(member for _, member in members)
        gone = next((k for k, part in enumerate(parts) if part.is_file()), len(parts))
        for info, member in members:
            if stop.is_set():
                raise FetchError("failed", "stopped")
            while (
                used_up is not None and gone < len(parts) - 1 and info.header_offset >= raw.starts[gone + 1]
            ):
                os.sync()  # what was unpacked is on disk before its source goes
                used_up(gone)
                gone += 1
            if is_there(into, member):
                continue
            if info.header_offset < raw.starts[gone]:
                raise FetchError(
                    "not_unpacked",
                    f"{into / member.path} is gone, and so is the part of the archive that held it",
                )
            with archive.open(info) as source:
                write_member(source, into, member, stop, folders)
    os.sync()
    return Unpacked(len(members), budget.bytes, _tops(member for _, member in members))


def unpack_tar(path: Path, into: Path, strip: str, stop: threading.Event) -> Unpacked:
    """Unpack a tar archive, compressed or not. Raises FetchError."""
    folders: set[str] = set()
    with _broken_as_failed():
        budget = Budget(path.stat().st_size)
        for _ in _tar_members(path, strip, budget, stop):
            pass
        count, tops = 0, set()
        for archive, info, member in _tar_members(path, strip, Budget(path.stat().st_size), stop):
            count += 1
            tops.add(member.path.split("/", 1)[0])
            if not is_there(into, member):
                source = archive.extractfile(info)
                assert source is not None
                with source:
                    write_member(source, into, member, stop, folders)
    if count == 0:
        raise FetchError("corrupt", "an archive without files")
    os.sync()
    return Unpacked(count, budget.bytes, tuple(sorted(tops)[:MOST_TOPS]))


def _tar_members(
    path: Path, strip: str, budget: Budget, stop: threading.Event
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, Member]]:
    """Raises FetchError for an archive with an unsafe member, at the latest when all have been seen, and for
    one that ends too early."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = _Counted(gzip.GzipFile(fileobj=raw) if packed else raw, budget.most_bytes + (1 << 24))
        with tarfile.open(fileobj=stream, mode="r|", ignore_zeros=False) as archive:
            while (info := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # millions of them, which nobody asks for again
                if stop.is_set():
                    raise FetchError("failed", "stopped")
                budget.add(info.size)
                member = tar_member(info, strip)
                if member is not None:
                    yield archive, info, member
        while stream.read(1 << 20):  # to the end, so that the checksum of the compression is compared
            pass


class _Counted(io.RawIOBase):
    """A stream that refuses to give more than so many bytes: a bomb may hide in what is skipped."""

    def __init__(self, inner: io.BufferedIOBase, most_bytes: int) -> None:
        super().__init__()
        self.inner, self.left = inner, most_bytes

    def read(self, size: int = -1) -> bytes:
        data = self.inner.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise FetchError("unsafe_archive", "unpacks to far more than its size")
        return data


def _tops(members: Iterator[Member]) -> tuple[str, ...]:
    return tuple(sorted({member.path.split("/", 1)[0] for member in members})[:MOST_TOPS])


def _refuse_doubles(members: Iterator[Member]) -> None:
    seen: dict[str, int] = {}
    for member in members:
        if seen.setdefault(member.path, member.bytes) != member.bytes:
            raise FetchError("unsafe_archive", f"two members are named {member.path!r}")


@contextmanager
def _broken_as_failed() -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        early = isinstance(error, EOFError) or "unexpected end" in what or "not a zip file" in what
        raise FetchError(
            "truncated" if early else "corrupt", f"the archive cannot be read to its end ({what})"
        ) from None
