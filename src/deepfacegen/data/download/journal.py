"""Which bytes of a partial file are on disk: a header that identifies the file, then a line per stretch.

A line is appended only after its bytes have been synced to disk, so after a crash at any moment everything
that the journal lists is there. A last line that was cut off is dropped.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from deepfacegen.data.download.state import replace


@dataclass(frozen=True)
class Version:
    """One version of a file at one address, and the size of its segments."""

    source: str
    size: int
    validator: str | None
    segment_bytes: int

    def segments(self) -> int:
        return max(1, -(-self.size // self.segment_bytes))

    def bounds(self, segment: int) -> tuple[int, int]:
        """First byte, and the one after the last."""
        return segment * self.segment_bytes, min((segment + 1) * self.segment_bytes, self.size)


class Journal:
    """Bytes done of each segment, counted from its beginning. Threads may share one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.version: Version | None = None
        self.done: dict[int, int] = {}
        self._read()

    @classmethod
    def of(cls, partial: Path) -> Journal:
        """The journal of a partial file, which is beside it."""
        return cls(partial.with_name(f"{partial.name}.journal"))

    def _read(self) -> None:
        try:
            whole = self.path.read_bytes()
            kept = whole[: whole.rfind(b"\n") + 1]
            if len(kept) < len(whole):  # or the next line would be appended to the cut one
                os.truncate(self.path, len(kept))
            header, *lines = kept.decode().splitlines()
            version = Version(**json.loads(header))
            segments = version.segments()
        except (FileNotFoundError, UnicodeDecodeError, TypeError, ValueError, ZeroDivisionError):
            return
        if version.size < 0 or version.segment_bytes < 1:
            return
        self.version = version
        for line in lines:
            try:
                segment, done = (int(field) for field in line.split())
            except ValueError:
                break
            first, end = version.bounds(segment)
            if 0 <= segment < segments and 0 <= done <= end - first:
                self.done[segment] = done

    def begin(self, version: Version) -> None:
        """Drop all entries; the journal is about this version from now on."""
        replace(self.path, json.dumps(asdict(version)) + "\n")
        self.version, self.done = version, {}

    def add(self, segment: int, done: int) -> None:
        with self.lock:
            self.done[segment] = done
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{segment} {done}\n")
                file.flush()
                os.fsync(file.fileno())

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self.version, self.done = None, {}

    def bytes_done(self) -> int:
        return sum(self.done.values())

    def missing(self) -> list[int]:
        """Segments that are not complete, in order."""
        version = self.version
        if version is None:
            return []
        spans = [version.bounds(segment) for segment in range(version.segments())]
        return [k for k, (first, end) in enumerate(spans) if self.done.get(k, 0) < end - first]
