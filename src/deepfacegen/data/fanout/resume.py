"""Finished units of work, kept outside the pipeline's outputs until all of them are done.

DVC empties an output before its stage runs, so what a killed run had finished must lie elsewhere: each unit
in a folder of its own, `.cache/resume/<stage>/<fingerprint>/<number>-<digest>`, moved there in one piece,
with a receipt. The fingerprint covers parameters, code and versions of libraries. The digest covers the
unit's rows of the inventory and the sizes and times of change of its files. The same command run again takes
what it finds.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen import room

log = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[2]
# The code that can change a shard is all of data/ but this, and OTHER_CODE, which the stages run beside it.
NOT_IN_SHARDS = {*("batches.py", "estimates.py"), *("download", "fanout", "manifest", "sources")}
OTHER_CODE = ("data/sources/names.py", "encoders/fan.py", "encoders/landmarks.py", "weights.py")
LIBRARIES = ("av", "imageio-ffmpeg", "numpy", "onnxruntime", "opencv-python-headless", "pillow")
RECEIPT = "receipt.json"


@dataclass(frozen=True)
class Unit:
    """Rows of an inventory, and the number of the shard that is made of them."""

    number: int
    rows: pd.DataFrame


@dataclass(frozen=True)
class UnitResult:
    """What a unit gives besides its files: tables by name, and counts, which are summed over units."""

    tables: dict[str, pd.DataFrame]
    counts: dict[str, int]


# work(unit, folder) writes the unit's shard into `folder`, with names that no other unit uses.
# It must be a module-level function or a partial of one.
Work = Callable[[Unit, Path], UnitResult]


@dataclass(frozen=True)
class Receipt:
    """A finished unit. `files`: name -> bytes; `done_now`: whether this run did it, not an earlier one."""

    folder: Path
    files: dict[str, int]
    counts: dict[str, int]
    seconds: float
    worker: str
    done_now: bool = False


def resume_folder(stage: str, params: Mapping[str, Any]) -> Path:
    """The folder for a stage's finished units with these parameters and this code, made if it is missing.

    It lies below DVC_ROOT, so that it outlives `dvc exp run --temp`. A folder of other settings is logged.
    """
    root = Path(os.environ.get("DVC_ROOT", ".")) / ".cache/resume" / stage
    data = PACKAGE / "data"
    code = [PACKAGE / name for name in OTHER_CODE]
    code += [path for path in data.rglob("*.py") if NOT_IN_SHARDS.isdisjoint(path.relative_to(data).parts)]
    digests = {str(path.relative_to(PACKAGE)): hashlib.sha256(path.read_bytes()).hexdigest() for path in code}
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    fingerprint = json.dumps([dict(params), digests, versions], sort_keys=True, default=str)
    folder = root.resolve() / hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    others = sum(other.name != folder.name for other in root.glob("*"))
    if others:
        log.info("%s: unfinished work of %d other settings; delete it when it is not wanted", root, others)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def finish(resume: Path, work: Work, roots: Mapping[str, Path], unit: Unit) -> Receipt:
    """Run one unit, in a worker, unless it is finished in `resume` already."""
    folder = resume / f"{unit.number:06d}-{_digest(unit.rows, roots)}"
    if (found := _read(folder)) is not None:
        return found
    began = time.perf_counter()
    temporary = tempfile.TemporaryDirectory(dir=resume, prefix=f".{folder.name}-", ignore_cleanup_errors=True)
    with temporary as name, room.named(resume):
        partial = Path(name) / folder.name
        partial.mkdir()
        result = work(unit, partial)
        for table, rows in result.tables.items():
            rows.to_parquet(partial / f"{table}.parquet", index=False)
        files = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
        for path in partial.iterdir():
            _sync(path)
        seconds, worker = round(time.perf_counter() - began, 3), f"{socket.gethostname()}:{os.getpid()}"
        receipt = Receipt(folder, files, result.counts, seconds, worker, done_now=True)
        fields = asdict(receipt) | {"folder": folder.name, "done_now": False}
        fields["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        (partial / RECEIPT).write_text(json.dumps(fields, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        _sync(partial / RECEIPT)
        try:
            partial.rename(folder)
        except OSError:  # it exists: a worker whose driver was killed was faster, or it is not whole
            if _read(folder) is None:
                shutil.rmtree(folder)
                partial.rename(folder)
    return receipt


def _read(folder: Path) -> Receipt | None:
    """The receipt of a finished unit, if its files are there and have the sizes they had."""
    try:
        fields = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in fields["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return (
        Receipt(folder, fields["files"], fields["counts"], fields["seconds"], fields["worker"])
        if whole
        else None
    )


def _digest(rows: pd.DataFrame, roots: Mapping[str, Path]) -> str:
    """A digest of a unit's rows and of the sizes and times of change of its files."""
    total = hashlib.sha256(repr(list(rows.columns)).encode())
    records = rows.itertuples(index=False, name=None)
    for kind, path, row in zip(rows["kind"], rows["path"], records, strict=True):
        try:
            found = (roots[kind] / path).stat()
            state = (found.st_size, found.st_mtime_ns)
        except OSError:
            state = (-1, -1)
        total.update(repr((row, state)).encode())
    return total.hexdigest()[:16]


def _sync(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
