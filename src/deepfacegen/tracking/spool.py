"""Records of runs on the disk: a stage writes them there, and a sender brings them to MLflow
(tracking.sender).

One folder a run: `records.jsonl`, `files/` (copies of what is sent), `sent.json` (how far it is sent), `said`
(what went wrong) and `stuck` (nothing can be sent now). The writer holds a lock of `records.jsonl`, so others
see whether it is alive.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from deepfacegen.tracking import store

FOLDER = "mlflow-unsent"
RECORDS, FILES, SENT, SAID, STUCK = "records.jsonl", "files", "sent.json", "said", "stuck"


def folder() -> Path:
    """The folder of all runs that go to the store of this process. Its name holds no password."""
    where = "\n".join((store.address(), store.experiment_name()))
    return store.root() / FOLDER / hashlib.sha256(where.encode()).hexdigest()[:12]


def runs(place: Path) -> list[Path]:
    """The folders of runs that are not sent to their end, the oldest first."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(one for one in place.iterdir() if (one / RECORDS).is_file() and one.name[0] != ".")
    return []


def alive(run: Path) -> bool:
    """Whether the process that records this run still does."""
    try:
        with (run / RECORDS).open("rb") as records:
            return not acquired(records, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def acquired(file: IO[Any], kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file, unless another has; a drive without locks grants all."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether the lock was free; if so, it is held within."""
    with path.open("ab") as file:
        yield acquired(file)


class Spool:
    """The records of one run, from the process that writes them. Raises OSError where nothing can be
    written."""

    def __init__(self, place: Path, key: str = "") -> None:
        self.key = key or uuid.uuid4().hex
        name = f"{time.time_ns():020d}-{self.key}"
        self.run, made = place / name, place / f".{name}"
        made.mkdir(parents=True)
        self._records = (made / RECORDS).open("ab")
        # Open, so that it is read to its end although a sender that has done removes the folder.
        self._said = (made / SAID).open("a+", encoding="utf-8")
        acquired(self._records)
        made.rename(self.run)  # locked before a sender sees it, who would take it for one whose writer died
        self._number = itertools.count()

    def add(self, what: str, **values: Any) -> None:
        """Write one record, so that it outlives this process."""
        record = {"what": what, "time_ms": int(time.time() * 1000), **values}
        self._records.write(json.dumps(record).encode() + b"\n")
        self._records.flush()

    def keep(self, path: Path) -> str:
        """Copy a file or folder, for the stage may replace it before it is sent; returns the copy's path
        below FILES."""
        kept = f"{next(self._number)}/{path.name}"
        target = self.run / FILES / kept
        target.parent.mkdir(parents=True)
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, target)
        return kept

    def said(self) -> list[str]:
        """What the sender said since the last call, line by line."""
        return self._said.read().splitlines()

    @property
    def settled(self) -> bool:
        """Everything is sent, or cannot be sent now."""
        return not self.run.exists() or (self.run / STUCK).exists()

    def close(self) -> None:
        self._records.close()
        self._said.close()


def say(run: Path, line: str) -> None:
    with contextlib.suppress(OSError), (run / SAID).open("a", encoding="utf-8") as said:
        said.write(f"{line}\n")


def remove(run: Path) -> None:
    """Its name first, so that nobody finds half of it."""
    gone = run.with_name(f".{run.name}")
    os.rename(run, gone)
    shutil.rmtree(gone, ignore_errors=True)
