"""VGGFace's lists: one file per person, a line per picture, with its address and the box of the face."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BOX = ("left", "top", "right", "bottom")
NAME = re.compile(r"^[\w.'\-()]{1,120}$")
ID = re.compile(r"^[0-9]{1,12}$")


@dataclass(frozen=True)
class Link:
    """One line. What cannot be read is None, and `malformed` says why the line is of no use."""

    name: str
    id: str
    url: str
    box_px: tuple[float, float, float, float] | None = None
    pose: float | None = None
    detection_score: float | None = None
    curation: int | None = None
    malformed: str = ""


def list_files(folder: Path) -> list[Path]:
    """The lists below a folder, by name; the archive may hold them in `files`."""
    return sorted(
        (
            path
            for path in folder.rglob("*.txt")
            if NAME.match(path.stem) and path.parent.name in (folder.name, "files")
        ),
        key=lambda p: p.stem,
    )


def read_list(path: Path) -> Iterator[Link]:
    """Each line but empty ones: id, url, left, top, right, bottom, pose, detection score, curation, with
    blanks between."""
    seen: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        fields = line.split()
        if len(fields) < 9 or not ID.match(fields[0]):
            yield Link(path.stem, f"line{number}", "", malformed="not a line of nine fields")
            continue
        try:
            left, top, right, bottom, pose, score, curation = (float(field) for field in fields[-7:])
        except ValueError:
            yield Link(path.stem, f"line{number}", "", malformed="its numbers cannot be read")
            continue
        if fields[0] in seen:
            yield Link(path.stem, f"line{number}", "", malformed=f"number {fields[0]} stands there twice")
            continue
        seen.add(fields[0])
        url = " ".join(fields[1:-7])
        if not curation.is_integer():
            yield Link(path.stem, f"line{number}", "", malformed="its numbers cannot be read")
            continue
        yield Link(path.stem, fields[0], url, (left, top, right, bottom), pose, score, int(curation))
