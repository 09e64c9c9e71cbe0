"""What the downloader remembers between runs: checksums it holds files to, what has been checked, and a table
that tells of every object.

Every file is replaced in one piece, so a crash leaves the old or the new one.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from deepfacegen.errors import UserError

ARCHIVES, STATE, TABLE, LOCK = "archives", "state", "objects.csv", "checksums.json"


@dataclass(frozen=True)
class Row:
    """One line of objects.csv: what became of an object, and why."""

    set: str
    object: str
    status: str
    detail: str = ""
    bytes: int = 0
    sha256: str = ""
    source: str = ""


@dataclass(frozen=True)
class Digests:
    md5: str
    sha256: str
    bytes: int


def digests(path: Path) -> Digests:
    md5, sha256, count = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            md5.update(chunk)
            sha256.update(chunk)
            count += len(chunk)
    return Digests(md5.hexdigest(), sha256.hexdigest(), count)


def write_json(path: Path, value: Any) -> None:
    replace(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """None if there is none. Raises UserError for one that cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, UnicodeDecodeError):
        raise UserError(f"{path}: cannot be read; remove it, and what it tells of is checked anew") from None


def replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{threading.get_ident()}.tmp")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


class State:
    """Below the download folder: `state/<object>.json`, `checksums.json`, `objects.csv`. Threads may share
    one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self.checksums: dict[str, str] = read_json(folder / LOCK) or {}
        self.rows: dict[str, Row] = {}
        table = folder / TABLE
        if table.is_file():
            with table.open(encoding="utf-8", newline="") as file:
                for entry in csv.DictReader(file):
                    row = Row(
                        **{f.name: entry.get(f.name) or "" for f in fields(Row)}
                        | {"bytes": int(entry.get("bytes") or 0)}
                    )  # type: ignore[arg-type]
                    self.rows[row.object] = row

    def locked(self, name: str) -> str | None:
        """The sha256 that this object had when it was first fetched."""
        return self.checksums.get(name)

    def remember(self, name: str, sha256: str | None) -> None:
        """Hold the object to this sha256 from now on (None: to none)."""
        with self.lock:
            known = {key: value for key, value in self.checksums.items() if key != name}
            self.checksums = known | ({name: sha256} if sha256 else {})
            write_json(self.folder / LOCK, self.checksums)

    def load(self, name: str) -> dict[str, Any]:
        return read_json(self.folder / STATE / f"{name}.json") or {}

    def save(self, name: str, value: dict[str, Any] | None) -> None:
        path = self.folder / STATE / f"{name}.json"
        if value is None:
            path.unlink(missing_ok=True)
        else:
            write_json(path, value)

    def tell(self, row: Row) -> None:
        """Put the row into the table, in place of an earlier one of the same object."""
        with self.lock:
            self.rows[row.object] = row
            out = io.StringIO()
            writer = csv.DictWriter(out, [f.name for f in fields(Row)], lineterminator="\n")
            writer.writeheader()
            for each in sorted(self.rows.values(), key=lambda r: (r.set, r.object)):
                writer.writerow(asdict(each))
            replace(self.folder / TABLE, out.getvalue())


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Raises UserError when another process fetches into the same folder. The lock goes with the process,
    however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".fetching").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"{folder}: another process is fetching into it") from None
        yield
