"""The table of results of a folder of recordings: one row for each, so that an interrupted run can resume."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from deepfacegen.errors import UserError

RESULTS, PASSED_OVER = "results.csv", "passed_over.csv"


@dataclass(frozen=True)
class Result:
    """One row of results.csv: what became of one recording."""

    recording: str  # posix path relative to the folder of recordings; bytes that are not UTF-8 are escaped
    status: str  # ok, rejected
    reason: str  # why, if rejected
    speech_seconds: str
    faces: str  # file names relative to the folder of faces, joined by ';'
    # Estimates from the voice; empty where there are none.
    typicality: str
    gender_f: str  # probability of a female voice
    age_years: str
    age_low_years: str
    age_high_years: str
    made_from: str  # digest of the recording's size and time, the model, and the settings


HEADER = [column.name for column in fields(Result)]


def read_results(path: Path) -> dict[str, Result]:
    """Recording -> row, without a row that an interruption cut off. Raises UserError for another table."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        rows = csv.reader(stream)
        if next(rows, HEADER) != HEADER:
            raise UserError(f"{path}: not written by deepfacegen; move it away or choose another folder")
        whole = [Result(*row) for row in rows if len(row) == len(HEADER) and len(row[-1]) == 16]
    return {row.recording: row for row in whole}


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Replace the table in one step."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    append_results(partial, results, header=True)
    os.replace(partial, path)


def append_results(path: Path, results: Iterable[Result], *, header: bool = False) -> None:
    """Add rows to the end of the table."""
    with path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if header:
            writer.writerow(HEADER)
        writer.writerows(astuple(result) for result in results)
