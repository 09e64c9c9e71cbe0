"""Finished units: kept until all are done, never redone, redone when anything they depend on has changed."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.data.fanout import resume as module
from deepfacegen.data.fanout.resume import Unit, UnitResult, Work, resume_folder
from deepfacegen.data.fanout.units import Units, make_shards, run_units, total_counts
from deepfacegen.errors import UserError

ROWS, FILES = 3, 24
COLUMNS = {"name": "str", "shard": "int32"}


def shards(log: Path, gate: Path | None = None, killed: int | None = None, broken: int | None = None) -> Work:
    """Work that stores numbers from its files' names, and notes each attempt in `log`.

    From unit 4 on it waits until the file `gate` exists. In unit `killed` it dies once, in unit `broken` it
    raises.
    """

    def work(unit: Unit, folder: Path) -> UnitResult:
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
        return UnitResult({"table": table}, {"files": len(unit.rows)})

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


def made(resume: Path, work: Work, units: Units, out: Path) -> dict[str, bytes]:
    resume.mkdir(exist_ok=True)
    make_shards(units, work, out, {"table": COLUMNS}, resume)
    return contents(out)


@pytest.fixture
def expected(tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What one process gives that nobody disturbs."""
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")
    found = made(tmp_path / "undisturbed", shards(tmp_path / "undisturbed.log"), units, tmp_path / "expected")
    assert len(found) == FILES // ROWS + 1
    assert np.array_equal(np.load(tmp_path / "expected/shard-00001.npy"), [9, 16, 25])
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "2")
    return found


@pytest.mark.parametrize("engine", ["loky", "threading", pytest.param("ray", marks=pytest.mark.cluster)])
def test_every_engine_gives_the_same_bytes_also_when_a_worker_is_killed(
    tmp_path: Path, units: Units, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", engine)
    log = tmp_path / "log"
    killed = None if engine == "threading" else 3
    found = made(tmp_path / "resume", shards(log, killed=killed), units, tmp_path / "out")
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
helpers.made(here / "resume", helpers.shards(here / "log", here / "gate"), units, here / "out")
"""


def test_a_killed_driver_goes_on_where_it_was(
    tmp_path: Path, units: Units, expected: dict[str, bytes]
) -> None:
    assert isinstance(units.inventory, pd.DataFrame)
    units.inventory.to_parquet(tmp_path / "inventory.parquet", index=False)
    command = [sys.executable, "-c", DRIVER, __file__, str(tmp_path)]
    driver = subprocess.Popen(command, start_new_session=True)
    try:
        while len(finished := sorted((tmp_path / "resume").glob("*/receipt.json"))) < 4:
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
    resume, log = tmp_path / "resume", tmp_path / "log"
    with pytest.raises(
        UserError,
        match=r"shard 6 \(from 018.txt on\): ValueError: broken.*the same command goes on from there",
    ):
        made(resume, shards(log, broken=6), units, tmp_path / "out")
    log.unlink()
    with caplog.at_level(logging.INFO, "deepfacegen"):
        assert made(resume, shards(log), units, tmp_path / "out") == expected
    assert log.read_text().split() == ["6"]
    assert "test: 7 of 8 shards had been finished before" in caplog.messages


def test_only_what_changed_is_done_again(
    tmp_path: Path, units: Units, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "threading")
    resume, log = tmp_path / "resume", tmp_path / "log"
    made(resume, shards(log), units, tmp_path / "out")
    log.unlink()
    os.utime(units.roots["text"] / "004.txt", ns=(1, 1))  # same name, same size
    shard = next(resume.glob("000002-*/shard-00002.npy"))
    shard.write_bytes(shard.read_bytes()[:-1])
    (next(resume.glob("000005-*")) / "receipt.json").write_text("{")
    assert made(resume, shards(log), units, tmp_path / "out") == expected
    assert sorted(log.read_text().split()) == ["1", "2", "5"]
    rows = units.inventory
    assert isinstance(rows, pd.DataFrame)
    log.unlink()
    run_units(resume, shards(log), dataclasses.replace(units, inventory=rows.iloc[:-1]))
    assert log.read_text().split() == ["7"]


def test_other_parameters_or_code_have_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    first = resume_folder("faces", {"threshold": 0.5})
    assert first.parent == tmp_path / ".cache/resume/faces"
    assert resume_folder("faces", {"threshold": 0.5}) == first
    with caplog.at_level(logging.INFO, "deepfacegen"):
        second = resume_folder("faces", {"threshold": 0.6})
    assert second != first
    assert "unfinished work of 1 other settings" in caplog.text
    assert first.is_dir()
    package = tmp_path / "package"
    for name in (*module.OTHER_CODE, "data/faces/align.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    monkeypatch.setattr(module, "PACKAGE", package)
    folders = [resume_folder("faces", {"threshold": 0.5})]
    for name in (
        "audio/clips.py",
        "faces/align.py",
        "sources/names.py",
        "manifest/splits.py",
        "sources/folder.py",
        "fanout/resume.py",
    ):
        (package / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (package / "data" / name).write_text("changed")
        folders.append(resume_folder("faces", {"threshold": 0.5}))
    assert len(set(folders[:4])) == 4
    assert len(set(folders[3:])) == 1
    monkeypatch.setattr(module, "PACKAGE", shutil.copytree(package, tmp_path / "copy"))
    assert resume_folder("faces", {"threshold": 0.5}) == folders[-1]


def test_sums_and_links(tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")
    resume = tmp_path / "resume"
    resume.mkdir()
    for name in ("linked", "copied"):
        receipts = make_shards(units, shards(tmp_path / "log"), tmp_path / name, {"table": COLUMNS}, resume)
        assert total_counts(receipts) == {"files": FILES}
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no links here")))
    assert len((tmp_path / "log").read_text().split()) == FILES // ROWS
    assert contents(tmp_path / "linked") == contents(tmp_path / "copied")
    assert (tmp_path / "linked/shard-00000.npy").stat().st_nlink == 2
    assert (tmp_path / "copied/shard-00000.npy").stat().st_nlink == 1
    shutil.rmtree(resume)
    assert np.load(tmp_path / "linked/shard-00000.npy").tolist() == [0, 1, 4]


def test_whoever_stops_it_learns_what_is_kept(
    tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")

    def stopped(unit: Unit, folder: Path) -> UnitResult:
        if unit.number == 3:
            raise KeyboardInterrupt
        return shards(tmp_path / "log")(unit, folder)

    with pytest.raises(KeyboardInterrupt) as caught:
        run_units(tmp_path, stopped, units)
    assert caught.value.__notes__ == ["3 finished shards kept, the same command goes on from there"]


def test_a_full_disk_names_the_folder(tmp_path: Path, units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "2")

    def full(unit: Unit, folder: Path) -> UnitResult:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as caught:
        run_units(tmp_path, full, units)
    assert Path(caught.value.filename).parent == tmp_path
    assert caught.value.__notes__[-1] == "no shard was finished yet"


def test_without_a_folder_to_resume_from_nothing_is_left_but_the_output(
    tmp_path: Path, units: Units, expected: dict[str, bytes]
) -> None:
    make_shards(units, shards(tmp_path / "log"), tmp_path / "out", {"table": COLUMNS})
    assert contents(tmp_path / "out") == expected
