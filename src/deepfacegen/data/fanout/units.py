"""An inventory as units of work, each of which makes a shard; shards and tables go into an output."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen.data.fanout.resume import Receipt, Unit, Work, finish
from deepfacegen.data.fanout.schedule import Task, run
from deepfacegen.data.fanout.tables import count_rows, join, slices

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Units:
    """An inventory in slices of `rows` rows; rows of the same `key` stay together.

    `inventory`: a table sorted by `key`, with `kind` and `path` (relative to the absolute root of its kind in
    `roots`), or its Parquet file, which is then read piece by piece. `label` names the work in messages.
    """

    inventory: pd.DataFrame | Path
    key: str
    rows: int
    roots: Mapping[str, Path]
    label: str


def make_shards(
    units: Units, work: Work, out: Path, tables: Mapping[str, Mapping[str, str]], resume: Path | None = None
) -> list[Receipt]:
    """Fill `out` with the files of all units, and each of `tables`, joined, as `<name>.parquet`.

    `tables`: name -> its columns (name -> pandas dtype). Finished units are kept in `resume`, which stays
    (None: in a folder below `out`, which does not). Their files are linked into `out` where the file system
    can. Returns the receipts in the order of the inventory. Raises UserError as `run_units` does.
    """
    out.mkdir(parents=True, exist_ok=True)
    if resume is None:
        with tempfile.TemporaryDirectory(dir=out, prefix=".work-") as name:
            return make_shards(units, work, out, tables, Path(name).resolve())
    receipts = run_units(resume, work, units)
    names = {f"{name}.parquet" for name in tables}
    for receipt in receipts:
        for name in receipt.files.keys() - names:
            _link(receipt.folder / name, out / name)
    for name, columns in tables.items():
        join((receipt.folder / f"{name}.parquet" for receipt in receipts), out / f"{name}.parquet", columns)
    return receipts


def run_units(resume: Path, work: Work, units: Units) -> list[Receipt]:
    """Run every unit that is not finished in `resume`; the receipts in the order of the inventory.

    Raises UserError when a unit fails again and again; the others are done then, and kept.
    """
    parts = enumerate(slices(units.inventory, units.key, units.rows))
    tasks = (
        Task(Unit(k, rows), len(rows), f"shard {k} (from {rows[units.key].iloc[0]} on)") for k, rows in parts
    )
    call, total = functools.partial(finish, resume, work, units.roots), count_rows(units.inventory)
    results = run(
        call,
        tasks,
        units.label,
        total,
        most_units=-(-total // units.rows),
        done_now=lambda receipt: receipt.done_now,
        advice="; what is finished is kept: the same command goes on from there",
    )
    receipts: list[Receipt] = []
    try:
        for _, receipt in results:
            receipts.append(receipt)
    except BaseException as error:
        shards = "1 finished shard" if len(receipts) == 1 else f"{len(receipts)} finished shards"
        goes_on = f"{shards} kept, the same command goes on from there"
        error.add_note(goes_on if receipts else "no shard was finished yet")
        raise
    if before := sum(not receipt.done_now for receipt in receipts):
        log.info("%s: %d of %d shards had been finished before", units.label, before, len(receipts))
    return sorted(receipts, key=lambda receipt: receipt.folder.name)


def total_counts(receipts: Iterable[Receipt]) -> dict[str, int]:
    """The counts of all units, summed, sorted by name."""
    total: Counter[str] = Counter()
    for receipt in receipts:
        total.update(receipt.counts)
    return dict(sorted(total.items()))


def effort(receipts: Sequence[Receipt], seconds: float) -> dict[str, Any]:
    """For MLflow: seconds of this run and of all workers, and how many shards are from earlier runs."""
    return {
        "seconds": round(seconds, 1),
        "worker_seconds": round(sum(receipt.seconds for receipt in receipts), 1),
        "shards_from_before": sum(not receipt.done_now for receipt in receipts),
    }


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
