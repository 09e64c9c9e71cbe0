"""What became of each link, remembered at once: a file per person that grows by a line for each link that is
settled."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass, fields
from pathlib import Path

from deepfacegen.data.download.failure import STATUSES

# These are not tried again by a later run; the others may have been the fault of the moment.
SETTLED = STATUSES.keys() - {"failed", "busy"}


@dataclass(frozen=True)
class Outcome:
    """One settled link. `path` is relative to the folder of pictures."""

    name: str
    id: str
    status: str
    detail: str
    path: str = ""
    sha256: str = ""
    size_bytes: int = 0
    width_px: int = 0
    height_px: int = 0


FIELDS = tuple(field.name for field in fields(Outcome))


def remember(root: Path, outcome: Outcome) -> None:
    """One line, in one write."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([getattr(outcome, name) for name in FIELDS])
    with (root / "journal" / f"{outcome.name}.csv").open("ab") as file:
        file.write(out.getvalue().encode())


def mend(root: Path, name: str) -> None:
    """Take away a last line that a crash cut off, so that the next one is not glued to it."""
    path = root / "journal" / f"{name}.csv"
    if path.is_file():
        data = path.read_bytes()
        os.truncate(path, data.rfind(b"\n") + 1)


def recall(root: Path, name: str) -> dict[str, Outcome]:
    """What became of this person's links, by id, the last outcome of each; a line that a crash cut off is
    dropped."""
    try:
        text = (root / "journal" / f"{name}.csv").read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return {}
    found = {}
    for row in csv.reader(text[: text.rfind("\n") + 1].splitlines()):
        if len(row) == len(FIELDS) and row[0] == name and all(field.isdecimal() for field in row[6:]):
            found[row[1]] = Outcome(*row[:6], *(int(field) for field in row[6:]))  # type: ignore[arg-type]
    return found
