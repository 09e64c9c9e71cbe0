"""Archives into folders: checked as a whole before anything is written, resumed after an interruption.

A zip archive is read through its directory, its members in the order of their offsets, and each part is
removed once it is unpacked; so a data set needs its own size and that of one part, not twice its size. A tar
archive is read twice, once to check it and once to unpack it.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepfacegen.data.download.client import STOPPED
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.members import Budget, Member, is_written, tar_member, write_member, zip_member

BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error),
    *(EOFError, NotImplementedError),
)
BUFFER_BYTES = 1 << 20
MAX_TOPS = 16


@dataclass(frozen=True)
class Unpacked:
    """`tops`: a few names directly below the folder, by which a later run sees if it is still there."""

    files: int
    bytes: int
    tops: tuple[str, ...]


class Parts(io.RawIOBase):
    """The parts of a split archive as one file, read-only and seekable; parts that are used up may be gone.

    `sizes` in bytes of all parts, also of removed ones, whose bytes raise OSError.
    """

    def __init__(self, paths: Sequence[Path], sizes: Sequence[int]) -> None:
        super().__init__()
        self.paths = paths
        self.starts = [sum(sizes[:k]) for k in range(len(sizes) + 1)]
        self.position = 0
        self.opened: tuple[int, io.BufferedReader] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.starts[-1]}[whence]
        if base + offset < 0:
            raise OSError("before the beginning of the archive")
        self.position = base + offset
        return self.position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """At most to the end of one part; 0 at the end of all."""
        if self.position >= self.starts[-1]:
            return 0
        part = bisect_right(self.starts, self.position) - 1
        if self.opened is None or self.opened[0] != part:
            self._close_part()
            self.opened = part, self.paths[part].open("rb")
        file = self.opened[1]
        file.seek(self.position - self.starts[part])
        count = file.readinto(memoryview(buffer)[: self.starts[part + 1] - self.position])
        if not count and len(buffer):
            raise OSError(f"{self.paths[part]}: shorter than it was")
        self.position += count
        return count

    def close(self) -> None:
        self._close_part()
        super().close()

    def _close_part(self) -> None:
        if self.opened is not None:
            self.opened[1].close()
            self.opened = None


def unpack_zip(
    parts: Sequence[Path],
    sizes: Sequence[int],
    into: Path,
    strip: str,
    stop: threading.Event,
    used_up: Callable[[int], None] | None = None,
) -> Unpacked:
    """Unpack the zip archive that the parts form together. Raises FetchError.

    `used_up` gets the number of each part that is no longer needed, in order; the last part, which holds the
    directory, is always needed. Parts that earlier calls used up may be missing, if
    their members are unpacked.
    """
    folders: set[str] = set()
    with (
        _broken_as_failed(),
        Parts(parts, sizes) as raw,
        zipfile.ZipFile(io.BufferedReader(raw, BUFFER_BYTES)) as archive,
    ):
        budget = Budget(sum(sizes))
        members: list[tuple[zipfile.ZipInfo, Member]] = []
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            budget.add(info.file_size)
            if (found := zip_member(info, strip)) is not None:
                members.append((info, found))
        _refuse_conflicts(member for _, member in members)
        part = next((k for k, path in enumerate(parts) if path.is_file()), len(parts))
        for info, member in members:
            if stop.is_set():
                raise FetchError("failed", STOPPED)
            while (
                used_up is not None and part < len(parts) - 1 and info.header_offset >= raw.starts[part + 1]
            ):
                os.sync()  # what was unpacked is on disk before its source is removed
                used_up(part)
                part += 1
            if is_written(into, member):
                continue
            if info.header_offset < raw.starts[part]:
                detail = f"{into / member.path} and the part of the archive with it were removed"
                raise FetchError("not_unpacked", detail)
            with archive.open(info) as source:
                write_member(source, into, member, stop, folders)
    os.sync()
    return Unpacked(len(members), budget.bytes, _tops(member for _, member in members))


def unpack_tar(path: Path, into: Path, strip: str, stop: threading.Event) -> Unpacked:
    """Unpack a tar archive, compressed or not. Raises FetchError."""
    folders: set[str] = set()
    with _broken_as_failed():
        budget = Budget(path.stat().st_size)
        count, tops = 0, set()
        for _, _, member in _tar_members(path, strip, budget, stop):
            count += 1
            tops.add(member.path.split("/", 1)[0])
        if not count:
            raise FetchError("corrupt", "an archive without files")
        for archive, info, member in _tar_members(path, strip, Budget(path.stat().st_size), stop):
            if not is_written(into, member):
                source = archive.extractfile(info)
                assert source is not None
                with source:
                    write_member(source, into, member, stop, folders)
    os.sync()
    return Unpacked(count, budget.bytes, tuple(sorted(tops)[:MAX_TOPS]))


def _tar_members(
    path: Path, strip: str, budget: Budget, stop: threading.Event
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, Member]]:
    """Raises FetchError for an archive with an unsafe member, or one that ends too early."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = _Limited(gzip.GzipFile(fileobj=raw) if packed else raw, budget.max_bytes + (1 << 24))
        with tarfile.open(fileobj=stream, mode="r|", ignore_zeros=False) as archive:
            while (info := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # there may be millions
                if stop.is_set():
                    raise FetchError("failed", STOPPED)
                budget.add(info.size)
                member = tar_member(info, strip)
                if member is not None:
                    yield archive, info, member
        while stream.read(1 << 20):  # to the end, so that the checksum of the compression is compared
            pass


class _Limited(io.RawIOBase):
    """A stream of at most so many bytes; without this, skipped members could hide a bomb."""

    def __init__(self, inner: io.BufferedIOBase, max_bytes: int) -> None:
        super().__init__()
        self.inner, self.left = inner, max_bytes

    def read(self, size: int = -1) -> bytes:
        data = self.inner.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise FetchError("unsafe_archive", "unpacks to far more than its size")
        return data


def _tops(members: Iterable[Member]) -> tuple[str, ...]:
    return tuple(sorted({member.path.split("/", 1)[0] for member in members})[:MAX_TOPS])


def _refuse_conflicts(members: Iterable[Member]) -> None:
    seen: dict[str, int] = {}
    for member in members:
        if seen.setdefault(member.path, member.bytes) != member.bytes:
            raise FetchError("unsafe_archive", f"two members are named {member.path!r}")


@contextmanager
def _broken_as_failed() -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        what = (str(error) or type(error).__name__).splitlines()[0]
        early = isinstance(error, EOFError) or "unexpected end" in what or "not a zip file" in what
        status = "truncated" if early else "corrupt"
        raise FetchError(status, f"the archive cannot be read to its end ({what})") from None
