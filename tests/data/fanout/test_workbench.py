"""Finished units: kept until all are done, never redone, redone when anything they depend on has changed."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.data.fanout import workbench as module
from deepfacegen.data.fanout.workbench import (
    Unit,
    Units,
    Work,
    Workbench,
    Written,
    put_in_place,
    total_counts,
    work_off,
    workbench,
)
from deepfacegen.errors import UserError

ROWS, FILES = 3, 24
COLUMNS = {"name": "str", "shard": "int32"}


def shards(log: Path, gate: Path | None = None, killed: int | None = None, broken: int | None = None) -> Work:
    """Work that stores its files' bytes, notes its number in a log, waits for a gate from unit 4 on, dies
    once in one unit, raises in another."""

    def work(unit: Unit, folder: Path) -> Written:
        with log.open("a") as handle:
            handle.write(f"{unit.number}\n")
        if unit.number == broken:
            raise ValueError("broken")
        if unit.number == killed and log.read_text().split().count(str(killed)) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        while gate is not None and unit.number >= 4 and not gate.exists():
            time.sleep(0.02)
        np.save(
            folder / f"shard-{unit.number:05d}.npy",
            np.array([int(path.removesuffix(".txt")) ** 2 for path in unit.rows["path"]]),
        )
        table = pd.DataFrame({"name": unit.rows["path"], "shard": unit.number}).astype(COLUMNS)
        return Written({"table": table}, {"files": len(unit.rows)})

    return work


@pytest.fixture
def units(tmp_path: Path) -> Units:
    root = tmp_path / "raw"
    root.mkdir()
    names = [f"{number:03d}.txt" for number in range(FILES)]
    for name in names:
        (root / name).write_text(name)
    return Units(
        pd.DataFrame({"id": names, "path": names, "kind": "text"}), "id", ROWS, {"text": root}, "test"
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def placed(bench: Workbench, work: Work, units: Units, out: Path) -> dict[str, bytes]:
    out.mkdir(exist_ok=True)
    put_in_place(work_off(bench, work, units), out, {"table": COLUMNS})
    return contents(out)


@pytest.fixture
def expected(tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What one process gives that nobody disturbs."""
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")
    found = placed(
        workbench(tmp_path / "undisturbed", {}),
        shards(tmp_path / "undisturbed.log"),
        units,
        tmp_path / "expected",
    )
    assert len(found) == FILES // ROWS + 1
    assert np.array_equal(np.load(tmp_path / "expected/shard-00001.npy"), [9, 16, 25])
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "2")
    return found


CLUSTERS = [pytest.param(name, marks=pytest.mark.cluster) for name in ("dask", "ray")]


@pytest.mark.parametrize("engine", ["loky", "threading", *CLUSTERS])
def test_every_engine_gives_the_same_bytes_also_when_a_worker_is_killed(
    tmp_path: Path, units: Units, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    if engine in ("dask", "ray"):
        pytest.importorskip({"dask": "distributed", "ray": "ray"}[engine])
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", engine)
    log = tmp_path / "log"
    killed = None if engine == "threading" else 3
    found = placed(workbench(tmp_path / "cache", {}), shards(log, killed=killed), units, tmp_path / "out")
    assert found == expected
    assert sorted(log.read_text().split()) == sorted([*map(str, range(8)), *(["3"] if killed else [])])


DRIVER = """
import importlib.util, sys
from pathlib import Path
import pandas as pd
spec = importlib.util.spec_from_file_location("helpers", sys.argv[1])
helpers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helpers)
here = Path(sys.argv[2])
units = helpers.Units(here / "inventory.parquet", "id", helpers.ROWS, {"text": here / "raw"}, "test")
helpers.placed(helpers.workbench(here / "cache", {}), helpers.shards(here / "log", here / "gate"), units, here / "out")
"""


def test_a_killed_driver_goes_on_where_it_was(
    tmp_path: Path, units: Units, expected: dict[str, bytes]
) -> None:
    assert isinstance(units.inventory, pd.DataFrame)
    units.inventory.to_parquet(tmp_path / "inventory.parquet", index=False)
    command = [sys.executable, "-c", DRIVER, __file__, str(tmp_path)]
    driver = subprocess.Popen(command, start_new_session=True)
    try:
        while len(finished := sorted((tmp_path / "cache").glob("*/*/receipt.json"))) < 4:
            assert driver.poll() is None
            time.sleep(0.05)
        driver.send_signal(signal.SIGKILL)  # the driver alone; its workers must notice
        driver.wait()
        before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in finished}
        assert not (tmp_path / "out/table.parquet").exists()
        deadline = time.monotonic() + 240
        while any(
            stat.split(")")[-1].split()[3] == str(driver.pid) for stat in _processes()
        ):  # field 6 of /proc/<pid>/stat: the session
            assert time.monotonic() < deadline, "a worker outlives its driver"
            time.sleep(0.1)
    finally:
        driver.kill()
    (tmp_path / "gate").touch()
    subprocess.run(command, check=True)
    assert contents(tmp_path / "out") == expected
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in finished} == before
    attempts = (tmp_path / "log").read_text().split()
    assert [attempts.count(str(number)) for number in range(4)] == [1, 1, 1, 1]


def _processes() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found.append(path.read_text())
        except OSError:
            continue
    return found


def test_one_bad_unit_leaves_the_others_done(
    tmp_path: Path,
    units: Units,
    expected: dict[str, bytes],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "threading")
    bench, log = workbench(tmp_path / "cache", {}), tmp_path / "log"
    with pytest.raises(
        UserError,
        match=r"shard 6 \(from 018.txt on\): ValueError: broken.*the same command goes on from there",
    ):
        placed(bench, shards(log, broken=6), units, tmp_path / "out")
    log.unlink()
    with caplog.at_level(logging.INFO, "deepfacegen"):
        assert placed(bench, shards(log), units, tmp_path / "out") == expected
    assert log.read_text().split() == ["6"]
    assert "test: 7 of 8 shards had been finished before" in caplog.messages


def test_only_what_changed_is_done_again(
    tmp_path: Path, units: Units, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "threading")
    bench, log = workbench(tmp_path / "cache", {}), tmp_path / "log"
    placed(bench, shards(log), units, tmp_path / "out")
    log.unlink()
    os.utime(units.roots["text"] / "004.txt", ns=(1, 1))  # same name, same size
    shard = next(bench.folder.glob("000002-*/shard-00002.npy"))
    shard.write_bytes(shard.read_bytes()[:-1])
    (next(bench.folder.glob("000005-*")) / "receipt.json").write_text("{")
    assert placed(bench, shards(log), units, tmp_path / "out") == expected
    assert sorted(log.read_text().split()) == ["1", "2", "5"]
    rows = units.inventory
    assert isinstance(rows, pd.DataFrame)
    log.unlink()
    work_off(bench, shards(log), dataclasses.replace(units, inventory=rows.iloc[:-1]))
    assert log.read_text().split() == ["7"]


def test_other_parameters_or_code_have_a_bench_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = workbench(tmp_path, {"threshold": 0.5})
    assert workbench(tmp_path, {"threshold": 0.5}) == first
    with caplog.at_level(logging.INFO, "deepfacegen"):
        second = workbench(tmp_path, {"threshold": 0.6})
    assert second != first
    assert "unfinished work of 1 other settings" in caplog.text
    package = tmp_path / "package"
    for name in module.ELSEWHERE:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    monkeypatch.setattr(module, "PACKAGE", package)
    folders = []
    for name, text in (("audio.py", "a"), ("audio.py", "b"), ("splits.py", "c")):
        (package / "data" / name).write_text(text)
        folders.append(workbench(tmp_path, {"threshold": 0.5}).folder)
    assert folders[0] != folders[1] == folders[2]
    second.clear()
    assert first.folder.is_dir()
    assert not second.folder.exists()


def test_sums_and_links(tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")
    bench = workbench(tmp_path / "cache", {})
    receipts = work_off(bench, shards(tmp_path / "log"), units)
    assert total_counts(receipts) == {"files": FILES}
    for name in ("linked", "copied"):
        (tmp_path / name).mkdir()
        put_in_place(receipts, tmp_path / name, {"table": COLUMNS})
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    assert contents(tmp_path / "linked") == contents(tmp_path / "copied")
    assert (tmp_path / "linked/shard-00000.npy").stat().st_nlink == 2
    assert (tmp_path / "copied/shard-00000.npy").stat().st_nlink == 1
    bench.clear()
    assert np.load(tmp_path / "linked/shard-00000.npy").tolist() == [0, 1, 4]


def test_whoever_stops_it_learns_what_is_kept(
    tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")

    def stopped(unit: Unit, folder: Path) -> Written:
        if unit.number == 3:
            raise KeyboardInterrupt
        return shards(tmp_path / "log")(unit, folder)

    with pytest.raises(KeyboardInterrupt) as caught:
        work_off(workbench(tmp_path / "bench", {}), stopped, units)
    assert caught.value.__notes__ == ["3 finished shards kept, the same command goes on from there"]


def test_a_full_disk_names_the_bench(tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "2")
    bench = workbench(tmp_path / "bench", {})

    def full(unit: Unit, folder: Path) -> Written:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as caught:
        work_off(bench, full, units)
    assert Path(caught.value.filename).parent == bench.folder
    assert caught.value.__notes__[-1] == "no shard was finished yet"
