"""Room on the disk and in memory: checked before long work, and reported in one line when it runs out."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from deepfacegen.errors import UserError

log = logging.getLogger(__name__)
GB = 10**9
SYSTEM = Path("/")
DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
}
DENIED = (errno.EACCES, errno.EPERM)


def check_disk(folder: Path, least: int, most: int, what: str, remedy: str) -> None:
    """`what` takes between `least` and `most` bytes below `folder`, which need not exist yet.

    Raises UserError when not even the least is free, and warns when the most is not.
    """
    there = free(folder)
    if least > there:
        raise UserError(f"{folder}: {what} take at least {_gb(least)}, but {_gb(there)} are free; {remedy}")
    if most > there:
        text = "%s: %s may take up to %s, and %s are free; should the disk fill up, finished parts stay"
        log.warning(text, folder, what, _gb(most), _gb(there))


def free(folder: Path) -> int:
    """Bytes that may be written below `folder`, which need not exist yet."""
    whole = folder.resolve()
    return shutil.disk_usage(next(place for place in (whole, *whole.parents) if place.is_dir())).free


def check_memory(needed: int, what: str, remedy: str, known: tuple[int, int] | None = None) -> None:
    """Raises UserError when `needed` bytes exceed the memory, and warns when they exceed the free part.

    `known`: total and free bytes, such as a GPU's; by default those of this machine or container.
    """
    total, free = known or memory()
    text = f"{what} takes about {_gb(needed)} of memory"
    if total and needed > total:
        raise UserError(f"{text}, but {_gb(total)} are all there is; {remedy}")
    if total and needed > free:
        log.warning("%s, and %s are free; if it is killed: %s", text, _gb(free), remedy)


def memory(system: Path = SYSTEM) -> tuple[int, int]:
    """Total and free memory of this process in bytes, within its control groups. (0, 0) without Linux."""
    try:
        rows = (line.split() for line in (system / "proc/meminfo").read_text(encoding="ascii").splitlines())
        known = {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}
        total, free = known["MemTotal"], known["MemAvailable"]
    except (OSError, ValueError, KeyError, IndexError):
        return 0, 0
    for limit, used in _limits(system):
        total, free = min(total, limit), min(free, max(0, limit - used))
    return total, free


def _limits(system: Path) -> Iterator[tuple[int, int]]:
    """Limit and use, in bytes, of each memory control group (version 1 or 2) of this process, without cached
    files, which can be dropped."""
    try:
        lines = (system / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for hierarchy, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if hierarchy == "0":
            top, names = system / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top = system / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        inside = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(inside) + 1):
            group = top.joinpath(*inside[:depth])
            try:
                limit, used = (int((group / name).read_text(encoding="ascii")) for name in names[:2])
                stat = (group / "memory.stat").read_text(encoding="ascii").split()
                yield limit, max(0, used - int(stat[stat.index(names[2]) + 1]))
            except (OSError, ValueError):  # no such group, or "max": no limit
                continue


def is_disk(error: BaseException) -> bool:
    """Whether the disk takes nothing more, so that a retry is useless."""
    return any(isinstance(one, OSError) and one.errno in DISK for one in _chain(error))


@contextlib.contextmanager
def named(folder: Path) -> Iterator[None]:
    """An OSError of writing, which knows no file, names `folder`."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK and error.filename is None:
            error.filename = str(folder / "*")
        raise


def lacking(error: BaseException, folder: Path) -> str:
    """The resource that a failed call lacked, in one line: disk, write permission or memory; "" for others.

    `folder` is named if the error names no file.
    """
    for one in _chain(error):
        code = one.errno if isinstance(one, OSError) else errno.ENOSPC if "os error 28" in str(one) else None
        named = getattr(one, "filename", None)
        if code in DISK:
            return f"{Path(os.fsdecode(named)).parent if named else folder}: {DISK[code]}"
        if code in DENIED and named:
            return f"{os.fsdecode(named)}: permission denied"
        out_of_memory = isinstance(one, MemoryError) or type(one).__name__ == "OutOfMemoryError"
        if out_of_memory or "can't allocate memory" in str(one):
            return "not enough memory"
    return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _gb(count: int) -> str:
    return f"{count / GB:.1f} GB"
