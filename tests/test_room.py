"""Room on disks and in memory: control groups count, what cannot fit is refused beforehand, and real failures
become one line."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from deepfacegen import room
from deepfacegen.config.schema import SampleConfig
from deepfacegen.errors import UserError
from deepfacegen.synthetic.write import write_sample

GIB = 1 << 30
FULL = Path("/dev/full")  # takes nothing, as a full disk


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A machine with 64 GiB, of which 48 are free."""
    kib = GIB // 1024
    every = {
        "proc/meminfo": f"MemTotal: {64 * kib} kB\nMemFree: 1 kB\nMemAvailable: {48 * kib} kB\n",
        "proc/self/cgroup": groups,
        **files,
    }
    for name, text in every.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_without_limits_the_machine_counts(tmp_path: Path) -> None:
    assert room.memory(system(tmp_path, "0::/\n", {})) == (64 * GIB, 48 * GIB)
    assert room.memory(tmp_path / "no-linux") == (0, 0)


def test_a_container_of_version_2(tmp_path: Path) -> None:
    """6 of 8 GiB are in use, 4 of them by files that can be dropped. The group above has no limit."""
    files = {
        "memory.max": str(8 * GIB),
        "memory.current": str(6 * GIB),
        "memory.stat": f"anon 1\ninactive_file {4 * GIB}\n",
    }
    files = {f"sys/fs/cgroup/a/b/{name}": text for name, text in files.items()} | {
        "sys/fs/cgroup/a/memory.max": "max"
    }
    assert room.memory(system(tmp_path, "0::/a/b\n", files)) == (8 * GIB, 6 * GIB)


def test_a_container_of_version_1_that_sees_its_group_as_the_top(tmp_path: Path) -> None:
    files = {
        "memory.limit_in_bytes": str(4 * GIB),
        "memory.usage_in_bytes": str(3 * GIB),
        "memory.stat": "total_inactive_file 0\n",
    }
    files = {f"sys/fs/cgroup/memory/{name}": text for name, text in files.items()}
    assert room.memory(system(tmp_path, "9:name=systemd:/\n4:memory:/elsewhere/x\n0::/\n", files)) == (
        4 * GIB,
        GIB,
    )


def test_more_than_there_is_is_refused_and_more_than_is_free_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room.check_memory(GIB, "a step", "lower x.batch", (4 * GIB, 2 * GIB))
    assert not caplog.records
    room.check_memory(3 * GIB, "a step", "lower x.batch", (4 * GIB, 2 * GIB))
    assert "a step takes about 3.2 GB of memory, and 2.1 GB are free" in caplog.text
    with pytest.raises(
        UserError,
        match=r"^a step takes about 5\.4 GB of memory, but 4\.3 GB are all there is; lower x\.batch$",
    ):
        room.check_memory(5 * GIB, "a step", "lower x.batch", (4 * GIB, 2 * GIB))
    room.check_memory(5 * GIB, "a step", "lower x.batch", (0, 0))  # nobody knows


def test_a_disk_that_is_too_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sought: list[Path] = []

    def usage(path: Path) -> Any:
        sought.append(path)
        return SimpleNamespace(free=10 * room.GB)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    out = tmp_path / "not/yet"
    room.check_disk(out, room.GB, 10 * room.GB, "faces", "free some")
    assert not caplog.records
    assert set(sought) == {tmp_path.resolve()}
    room.check_disk(out, room.GB, 11 * room.GB, "faces", "free some")
    assert f"{out}: faces may take up to 11.0 GB, and 10.0 GB are free" in caplog.text
    with pytest.raises(UserError, match=r"faces take at least 12\.0 GB, but 10\.0 GB are free; free some$"):
        room.check_disk(out, 12 * room.GB, 20 * room.GB, "faces", "free some")
    with pytest.raises(UserError, match="the files of 9,000,000 sample people take at least"):
        write_sample(SampleConfig(identities=9_000_000), tmp_path)


def failed(work: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 (whatever a library makes of it)
        work()
    return caught.value


@pytest.mark.skipif(not FULL.is_char_device(), reason="no /dev/full here")
def test_a_disk_that_fills_up_is_recognised_whoever_writes(tmp_path: Path) -> None:
    def numpy() -> None:
        with FULL.open("wb") as handle:
            np.save(handle, np.zeros(100_000))

    def weights() -> None:
        with FULL.open("wb") as handle:
            torch.save(torch.zeros(100_000), handle)

    for work in (numpy, weights):
        error = failed(work)
        assert room.is_disk(error), error
        assert room.lacking(error, tmp_path) == f"{tmp_path}: the disk is full"
    assert room.lacking(
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), tmp_path
    ).endswith("full")


def test_a_failure_names_its_own_folder_where_it_knows_it(tmp_path: Path) -> None:
    assert room.lacking(OSError(errno.ENOSPC, "x", "a/b/c.npy"), tmp_path) == "a/b: the disk is full"
    assert room.lacking(OSError(errno.EROFS, "x", "a/b"), tmp_path) == "a: the file system is read-only"
    assert room.lacking(PermissionError(errno.EACCES, "x", "a/b"), tmp_path) == "a/b: permission denied"
    with pytest.raises(OSError, match="x") as caught, room.named(tmp_path):
        raise OSError(errno.EDQUOT, "x")
    assert room.lacking(caught.value, Path()) == f"{tmp_path}: the disk quota is used up"


def test_want_of_memory(tmp_path: Path) -> None:
    for work in (lambda: np.zeros(10**15), lambda: torch.empty(10**15)):
        assert room.lacking(failed(work), tmp_path) == "not enough memory"


def test_anything_else_is_no_want_of_room(tmp_path: Path) -> None:
    for error in (
        ZeroDivisionError(),
        OSError("x"),
        RuntimeError("x"),
        failed(lambda: os.stat(tmp_path / "missing")),
    ):
        assert room.lacking(error, tmp_path) == ""
        assert not room.is_disk(error)
