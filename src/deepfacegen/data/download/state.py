"""What the downloader keeps between runs: checksums, what is checked and unpacked, a table of objects.

Each file is replaced atomically, so a crash leaves the old one or the new one.
"""

from __future__ import annotations

import csv
import fcntl
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

MAX_NAME_BYTES = 255
ARCHIVES, STATE, TABLE, CHECKSUMS = "archives", "state", "objects.csv", "checksums.json"


@dataclass(frozen=True)
class Row:
    """One line of objects.csv: the status of an object, and why."""

    set: str
    object: str
    status: str
    detail: str = ""
    bytes: int = 0
    sha256: str = ""
    source: str = ""


COLUMNS = [field.name for field in fields(Row)]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder; renamed to `path` if the block succeeds, else removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial"[-MAX_NAME_BYTES:])
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def replace(path: Path, text: str) -> None:
    """Write a file atomically and sync it to disk."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _write_json(path: Path, value: Any) -> None:
    replace(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def _read_json(path: Path) -> dict[str, Any]:
    """Empty if there is no file. Raises UserError for one that cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise UserError(f"{path}: cannot be read; remove it, and its objects are checked again") from None


class State:
    """`state/<object>.json`, `checksums.json`, `objects.csv` of a download folder. Threads may share one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self.checksums: dict[str, str] = _read_json(folder / CHECKSUMS)
        self.rows: dict[str, Row] = {}
        if (folder / TABLE).is_file():
            with (folder / TABLE).open(encoding="utf-8", newline="") as file:
                for entry in csv.DictReader(file):
                    texts = {name: entry.get(name) or "" for name in COLUMNS}
                    row = Row(**texts | {"bytes": int(texts["bytes"] or 0)})  # type: ignore[arg-type]
                    self.rows[row.object] = row

    def archive(self, name: str) -> Path:
        """Where the file of this name is until it is unpacked."""
        return self.folder / ARCHIVES / name

    def partial(self, name: str) -> Path:
        """Where it is while it is fetched."""
        return self.folder / ARCHIVES / f"{name}.partial"

    def checksum(self, name: str) -> str | None:
        """The sha256 that this object had when it was first fetched."""
        return self.checksums.get(name)

    def set_checksum(self, name: str, sha256: str | None) -> None:
        """Require this sha256 of the object from now on (None: no longer any)."""
        with self.lock:
            others = {key: value for key, value in self.checksums.items() if key != name}
            self.checksums = others | ({name: sha256} if sha256 else {})
            _write_json(self.folder / CHECKSUMS, self.checksums)

    def load(self, name: str) -> dict[str, Any]:
        return _read_json(self.folder / STATE / f"{name}.json")

    def save(self, name: str, value: dict[str, Any]) -> None:
        _write_json(self.folder / STATE / f"{name}.json", value)

    def remove(self, name: str) -> None:
        (self.folder / STATE / f"{name}.json").unlink(missing_ok=True)

    def record(self, row: Row) -> None:
        """Put the row into the table, in place of an earlier one of the same object."""
        with self.lock:
            self.rows[row.object] = row
            out = io.StringIO()
            writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(
                asdict(each) for each in sorted(self.rows.values(), key=lambda r: (r.set, r.object))
            )
            replace(self.folder / TABLE, out.getvalue())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Raises UserError when another process fetches into the folder. The lock ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".fetching").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"{folder}: another process is fetching into it") from None
        yield
