"""What the stages audio and faces share: units of an inventory into shards, a table of what is kept, and one
of rejects."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen.data.fanout.resume import Receipt, UnitResult, Work
from deepfacegen.data.fanout.tables import count_rows, count_values
from deepfacegen.data.fanout.units import Units, effort, make_shards, total_counts
from deepfacegen.errors import UserError

REJECTS = "rejects"


class UnitTables:
    """The rows of one unit: of the table `name` (columns: name -> dtype, first the id of the input), and its
    rejects. Of several files with one id the first that is usable is kept."""

    def __init__(self, name: str, columns: Mapping[str, str]) -> None:
        self.name, self.columns = name, dict(columns)
        self._rows: list[tuple] = []
        self._rejects: list[tuple[str, str, str]] = []
        self._last = ""

    def is_duplicate(self, item_id: str, path: str) -> bool:
        """Whether the last file that was kept has this id; then `path` is rejected."""
        if item_id == self._last:
            self.reject(item_id, path, "duplicate")
        return item_id == self._last

    def reject(self, item_id: str, path: str, reason: str) -> None:
        self._rejects.append((item_id, path, reason))

    def keep(self, item_id: str, rows: Sequence[tuple]) -> None:
        self._last = item_id
        self._rows += rows

    def result(self, files: int, **counts: int) -> UnitResult:
        """Both tables; `files`: how many files the unit has."""
        tables = {
            name: pd.DataFrame(rows, columns=list(columns)).astype(columns)
            for name, rows, columns in (
                (self.name, self._rows, self.columns),
                (REJECTS, self._rejects, _reject_columns(next(iter(self.columns)))),
            )
        }
        return UnitResult(tables, {"kept": files - len(self._rejects), "files": files, **counts})


@dataclass(frozen=True)
class Extraction:
    """What became of an inventory: files, rejects by reason, and the receipts of its shards."""

    seen: int
    kept: int
    reasons: dict[str, int]
    receipts: Sequence[Receipt]
    seconds: float

    def count(self, name: str) -> int:
        """The sum of one count over all units."""
        return total_counts(self.receipts).get(name, 0)

    def rate(self, name: str, unit: float = 1.0) -> float:
        """The same over the units that this run worked on, in so many per second."""
        fresh = total_counts(receipt for receipt in self.receipts if receipt.done_now)
        return round(fresh.get(name, 0) / unit / self.seconds, 1)

    def metrics(self, rates: Mapping[str, float], **more: Any) -> dict[str, Any]:
        """The stage's metrics: seen, kept, rejected, shards, effort (with `rates`), and `more`."""
        return {
            "seen": self.seen,
            "kept": self.kept,
            **more,
            "rejected": {"all": sum(self.reasons.values()), **self.reasons},
            "shards": len(self.receipts),
            "effort": {**effort(self.receipts, self.seconds), **rates},
        }


def extract(
    work: Work,
    units: Units,
    out: Path,
    table: tuple[str, Mapping[str, str]],
    resume: Path | None,
    nothing: str,
) -> Extraction:
    """Fill `out` with shards, the table (name, columns) and rejects.parquet.

    Finished shards are kept in `resume`, if given, for a run that goes on. Raises UserError when
    nothing is kept (`nothing`, with {seen} for the number of files, says what is missing), or when a shard
    fails again and again.
    """
    began = time.perf_counter()
    tables = {table[0]: table[1], REJECTS: _reject_columns(units.key)}
    receipts = make_shards(units, work, out, tables, resume)
    listed = out / f"{REJECTS}.parquet"
    seen, reasons = count_rows(units.inventory), count_values(listed, "reason")
    kept = total_counts(receipts).get("kept", 0)
    assert kept + sum(reasons.values()) == seen, "a file is neither kept nor rejected"
    if not kept:
        raise UserError(f"{nothing.format(seen=seen)} ({reasons}); see {listed}")
    return Extraction(seen, kept, reasons, receipts, time.perf_counter() - began)


def write_reject_counts(folder: Path, plots: Path) -> pd.Series:
    """Rejects by reason as `plots`/rejects.csv, from the stage's out; the same as int64, by reason."""
    plots.mkdir(parents=True, exist_ok=True)
    counts = pd.Series(count_values(folder / f"{REJECTS}.parquet", "reason"), dtype="int64")
    counts.rename_axis("reason").rename("files").to_csv(plots / "rejects.csv")
    return counts


def _reject_columns(key: str) -> dict[str, str]:
    return {key: "str", "path": "str", "reason": "str"}
