"""VGGFace's lists of links, the outcome of each link, and one table of both.

A list has a line per image, with its address and the box of the face. `journal/<Name>.csv` gets a line for
each link as soon as its outcome is known.
"""

from __future__ import annotations

import csv
import io
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pandas as pd

from deepfacegen.data.download.failure import STATUSES
from deepfacegen.data.download.state import Row, replacing

log = logging.getLogger(__name__)

NAME = re.compile(r"^[\w.'\-()]{1,120}$")
ID = re.compile(r"^[0-9]{1,12}$")
SETTLED = set(STATUSES) - {"failed", "busy"}  # later runs retry the others
TABLE = "links.parquet"
PLACEHOLDER_PEOPLE = 4  # the same bytes for this many people are a host's placeholder
COLUMNS = {
    **dict.fromkeys(("face_id", "link_id", "url"), "str"),
    **dict.fromkeys(("left_px", "top_px", "right_px", "bottom_px", "pose", "detection_score"), "float64"),
    "curation": "Int64",
    **dict.fromkeys(("status", "detail", "path", "sha256"), "str"),
    **dict.fromkeys(("size_bytes", "width_px", "height_px"), "int64"),
}


@dataclass(frozen=True)
class Link:
    """One line of a list; `malformed` says why a line is skipped, whose numbers are then None.

    `numbers`: left, top, right, bottom in px, pose, detection score, curation.
    """

    name: str
    id: str
    url: str
    numbers: tuple[float | None, ...] = (None,) * 7
    malformed: str = ""


@dataclass(frozen=True)
class Outcome:
    """One link that was tried. `path` is relative to the folder of images."""

    name: str
    id: str
    status: str
    detail: str
    path: str = ""
    sha256: str = ""
    size_bytes: int = 0
    width_px: int = 0
    height_px: int = 0


def list_files(folder: Path) -> list[Path]:
    """The lists below a folder, by name; the archive may have them in `files`."""
    found = [path for path in folder.rglob("*.txt") if path.parent.name in (folder.name, "files")]
    return sorted((path for path in found if NAME.match(path.stem)), key=lambda path: path.stem)


def read_list(path: Path) -> Iterator[Link]:
    """Each non-empty line: id, url, left, top, right, bottom, pose, detection score, curation."""
    seen: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        link = _parse_line(path.stem, line.split(), seen) if line.strip() else None
        if isinstance(link, str):
            link = Link(path.stem, f"line{number}", "", malformed=link)
        if link is not None:
            yield link


def _parse_line(name: str, texts: list[str], seen: set[str]) -> Link | str:
    """The link, whose id joins those `seen`, or what is wrong with the line. The address may hold blanks."""
    if len(texts) < 9 or not ID.match(texts[0]):
        return "not a line of nine fields"
    try:
        numbers = tuple(float(text) for text in texts[-7:])
    except ValueError:
        return "its numbers cannot be parsed"
    if texts[0] in seen:
        return f"number {texts[0]} occurs twice"
    seen.add(texts[0])
    if not numbers[-1].is_integer():
        return "its numbers cannot be parsed"
    return Link(name, texts[0], " ".join(texts[1:-7]), numbers)


def _journal(root: Path, name: str) -> Path:
    return root / "journal" / f"{name}.csv"


def append_outcome(root: Path, outcome: Outcome) -> None:
    """One line, in one write."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(astuple(outcome))
    with _journal(root, outcome.name).open("ab") as file:
        file.write(out.getvalue().encode())


def repair_journal(root: Path, name: str) -> None:
    """Remove a last line that a crash cut off, so that the next one is not appended to it."""
    path = _journal(root, name)
    if path.is_file():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


def read_outcomes(root: Path, name: str) -> dict[str, Outcome]:
    """The last outcome of each of this person's links, by id; a line that was cut off is skipped."""
    try:
        text = _journal(root, name).read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return {}
    found = {}
    for row in csv.reader(text[: text.rfind("\n") + 1].splitlines()):
        if len(row) == len(fields(Outcome)) and row[0] == name and all(text.isdecimal() for text in row[6:]):
            found[row[1]] = Outcome(*row[:6], *(int(text) for text in row[6:]))  # type: ignore[arg-type]
    return found


def write_table(root: Path, images: Path, lists: list[Path]) -> Row:
    """Join lists and outcomes, drop duplicates and placeholders, write root/links.parquet; its summary row.

    Of a person's identical images the first stays. One that two or three people share stays for each of them:
    it may show them together, each with a box of their own.
    """
    rows = []
    for path in lists:
        outcomes = read_outcomes(root, path.stem)
        for link in read_list(path):
            status = "malformed" if link.malformed else "missing"
            outcome = outcomes.get(link.id) or Outcome(link.name, link.id, status, link.malformed)
            rows.append((link.name, link.id, link.url, *link.numbers, *astuple(outcome)[2:]))
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    ok = table["status"] == "ok"
    people = table[ok].groupby("sha256")["face_id"].nunique()
    shared = table["sha256"].isin(people.index[people >= PLACEHOLDER_PEOPLE])
    twice = ok & table[ok].duplicated(["face_id", "sha256"]).reindex(table.index, fill_value=False)
    for mask, status in ((ok & shared, "placeholder"), (twice & ~shared, "duplicate")):
        for place in table.loc[mask, "path"]:
            (images / str(place)).unlink(missing_ok=True)
        table.loc[mask, "status"] = status
        table.loc[mask, "path"] = ""
    with replacing(root / TABLE) as partial:
        table.to_parquet(partial, index=False)
    counts = Counter(str(status) for status in table["status"])
    size = int(table.loc[table["status"] == "ok", "size_bytes"].sum())
    listed = ", ".join(f"{counts[status]} {status}" for status in sorted(counts))
    summary = f"{len(table)} links of {len(lists)} people: {listed}"
    log.info("vggface1: %s", summary)
    status = "missing" if counts["missing"] else "ok" if counts["ok"] else "dead"
    return Row("vggface1", "vgg_face_dataset links", status, summary, size)
