"""Finished units of work, kept outside the pipeline's outputs until all of them are done.

DVC empties an output before its stage runs, so what a killed run had finished must lie elsewhere: each unit
in a folder of its own below `.cache/resume/<stage>/<fingerprint>`, put there in one piece by the worker, with
a receipt. The fingerprint covers parameters, code and versions of libraries; the name of a unit's folder its
rows of the inventory and the sizes and times of change of its files. The same command run again takes what it
finds.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen import room
from deepfacegen.data.fanout.schedule import Task, run
from deepfacegen.data.fanout.tables import count_rows, join, slices

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[2]
# Of data/: what cannot change a shard. The rest of its files is part of the fingerprint, and so are those
# elsewhere that the stages run.
NO_MATTER = {"attributes.py", "batches.py", "estimates.py", "manifest.py", "splits.py"}
ELSEWHERE = ("data/sources/names.py", "encoders/fan.py", "encoders/landmarks.py", "weights.py")
LIBRARIES = ("av", "imageio-ffmpeg", "numpy", "onnxruntime", "opencv-python-headless", "pillow")
RECEIPT = "receipt.json"


@dataclass(frozen=True)
class Unit:
    """A slice of an inventory; the number is that of its shard."""

    number: int
    rows: pd.DataFrame


@dataclass(frozen=True)
class Units:
    """An inventory in slices of `rows` rows that part no rows of the same `key`.

    `inventory`: a table sorted by `key`, with `path` (relative to the root of its `kind` in `roots`, which
    are absolute), or its Parquet file, which is then read piece by piece. `label` names the work for people.
    """

    inventory: pd.DataFrame | Path
    key: str
    rows: int
    roots: Mapping[str, Path]
    label: str


@dataclass(frozen=True)
class Written:
    """What a unit gives besides the files that it wrote: rows of tables (name -> table), and numbers to be
    summed over units."""

    tables: dict[str, pd.DataFrame]
    counts: dict[str, int]


# work(unit, folder) writes its shard into `folder`, with names that no other unit uses. It must be a
# module-level function or a partial of one.
Work = Callable[[Unit, Path], Written]


@dataclass(frozen=True)
class Receipt:
    """A finished unit: its folder, the sizes of its files, its sums, the seconds it took, and who did it when
    (`fresh`: in this run)."""

    folder: Path
    files: dict[str, int]
    counts: dict[str, int]
    seconds: float
    worker: str
    fresh: bool = False


@dataclass(frozen=True)
class Workbench:
    """`folder` holds what is finished; `clear` it when all is where it belongs."""

    folder: Path

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def workbench(root: Path, params: Mapping[str, Any]) -> Workbench:
    """The one of these parameters and this code below `root`; says so when other unfinished work lies
    there."""
    code = sorted(path for path in (PACKAGE / "data").glob("*.py") if path.name not in NO_MATTER) + [
        PACKAGE / name for name in ELSEWHERE
    ]
    parts = [json.dumps(dict(params), sort_keys=True, default=str)]
    parts += [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in code]
    parts += [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    folder = root.resolve() / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    others = [other for other in root.glob("*") if other.name != folder.name]
    if others:
        log.info(
            "%s: unfinished work of %d other settings; delete it when it is not wanted", root, len(others)
        )
    folder.mkdir(parents=True, exist_ok=True)
    return Workbench(folder)


def resume_root(stage: str) -> Path:
    """`.cache/resume/<stage>` of the repository (DVC_ROOT), so that it outlives `dvc exp run --temp`."""
    return Path(os.environ.get("DVC_ROOT", ".")) / ".cache" / "resume" / stage


@contextlib.contextmanager
def at_bench(bench: Workbench | None, out: Path) -> Iterator[Workbench]:
    """The bench given, left as it is; without one, a folder below `out` that is gone at the end."""
    out.mkdir(parents=True, exist_ok=True)
    if bench is not None:
        yield bench
        return
    with tempfile.TemporaryDirectory(dir=out, prefix=".work-") as name:
        yield Workbench(Path(name).resolve())


def work_off(bench: Workbench, work: Work, units: Units) -> list[Receipt]:
    """Do every unit that is not done yet; receipts in the order of the inventory.

    Raises UserError when a unit fails again and again; the others are done then, and stay.
    """
    parts = enumerate(slices(units.inventory, units.key, units.rows))
    tasks = (
        Task(Unit(number, part), len(part), f"shard {number} (from {part[units.key].iloc[0]} on)")
        for number, part in parts
    )
    advice = "; what is finished is kept: the same command goes on from there"
    finish, total = functools.partial(_finish, bench.folder, work, units.roots), count_rows(units.inventory)
    receipts: list[Receipt] = []
    try:
        for receipt in run(
            finish,
            tasks,
            units.label,
            total,
            -(-total // units.rows),
            fresh=lambda receipt: receipt.fresh,
            advice=advice,
        ):
            receipts.append(receipt)
    except BaseException as error:
        number = len(receipts)
        error.add_note(
            f"{number} finished shard{'s' * (number != 1)} kept, the same command goes on from there"
            if number
            else "no shard was finished yet"
        )
        raise
    old = sum(not receipt.fresh for receipt in receipts)
    if old:
        log.info("%s: %d of %d shards had been finished before", units.label, old, len(receipts))
    return sorted(receipts, key=lambda receipt: receipt.folder.name)


def put_in_place(receipts: Sequence[Receipt], out: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
    """The units' files into `out`, as links where there are such, and each table, joined, as `<name>.parquet`
    (its columns: name -> dtype)."""
    names = {f"{name}.parquet" for name in tables}
    for receipt in receipts:
        for name in receipt.files.keys() - names:
            _link(receipt.folder / name, out / name)
    for name, columns in tables.items():
        join((receipt.folder / f"{name}.parquet" for receipt in receipts), out / f"{name}.parquet", columns)


def total_counts(receipts: Iterable[Receipt]) -> dict[str, int]:
    """The sums of all units, sorted by name."""
    total: dict[str, int] = {}
    for receipt in receipts:
        for name, count in receipt.counts.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items()))


def effort(receipts: Sequence[Receipt], seconds: float) -> dict[str, Any]:
    """For the metrics: how long this run took, what all workers spent on all shards, and how many of these an
    earlier run had finished."""
    worked, before = (
        sum(receipt.seconds for receipt in receipts),
        sum(not receipt.fresh for receipt in receipts),
    )
    return {"seconds": round(seconds, 1), "worker_seconds": round(worked, 1), "shards_from_before": before}


def _finish(bench: Path, work: Work, roots: Mapping[str, Path], unit: Unit) -> Receipt:
    """Runs in a worker: the receipt of the unit, which is worked off unless that had been done."""
    folder = bench / f"{unit.number:06d}-{_digest(unit.rows, roots)}"
    found = _receipt(folder)
    if found is not None:
        return found
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(dir=bench, prefix=f".{folder.name}-", ignore_cleanup_errors=True) as name,
        room.named(bench),
    ):
        partial = Path(name) / folder.name
        partial.mkdir()
        written = work(unit, partial)
        for table, rows in written.tables.items():
            rows.to_parquet(partial / f"{table}.parquet", index=False)
        files = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
        for path in partial.iterdir():
            _to_disk(path)
        worker = f"{socket.gethostname()}:{os.getpid()}"
        receipt = Receipt(
            folder, files, written.counts, round(time.perf_counter() - began, 3), worker, fresh=True
        )
        told = {
            **asdict(receipt),
            "folder": folder.name,
            "fresh": False,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        (partial / RECEIPT).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        _to_disk(partial / RECEIPT)
        try:
            partial.rename(folder)
        except OSError:  # somebody was faster, whose driver had been killed, or what lies there is not whole
            if _receipt(folder) is None:
                shutil.rmtree(folder)
                partial.rename(folder)
    return receipt


def _receipt(folder: Path) -> Receipt | None:
    """That of a finished unit, if its files are there and have the sizes they had."""
    try:
        told = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in told["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return Receipt(folder, told["files"], told["counts"], told["seconds"], told["worker"]) if whole else None


def _digest(rows: pd.DataFrame, roots: Mapping[str, Path]) -> str:
    """Of a unit's rows and of the size and time of change of its files."""
    total = hashlib.sha256(repr(list(rows.columns)).encode())
    for kind, path, row in zip(
        rows["kind"], rows["path"], rows.itertuples(index=False, name=None), strict=True
    ):
        try:
            found = (roots[kind] / path).stat()
            state = (found.st_size, found.st_mtime_ns)
        except OSError:
            state = (-1, -1)
        total.update(repr((row, state)).encode())
    return total.hexdigest()[:16]


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _to_disk(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
