"""Which bytes of a file have come: a header that says of which version of the file, then a line for each
stretch that is safely on disk.
 Lines are appended after the bytes they tell of were written through to the disk, so whatever the moment of a
 crash, what the journal claims is there. A last line that was cut off is ignored.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path


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

    def _read(self) -> None:
        try:
            whole = self.path.read_bytes()
            kept = whole[: whole.rfind(b"\n") + 1]
            if len(kept) < len(whole):  # else the next line would be glued to the torn one
                os.truncate(self.path, len(kept))
            lines = kept.decode().split("\n")[:-1]
            header = json.loads(lines[0])
            version = Version(
                str(header["source"]), int(header["size"]), header["validator"], int(header["segment_bytes"])
            )
        except (FileNotFoundError, UnicodeDecodeError, IndexError, KeyError, TypeError, ValueError):
            return
        if version.size < 0 or version.segment_bytes < 1:
            return
        self.version = version
        for line in lines[1:]:
            try:
                segment, done = (int(field) for field in line.split())
            except ValueError:
                break
            first, end = version.bounds(segment)
            if 0 <= segment < version.segments() and 0 <= done <= end - first:
                self.done[segment] = done

    def begin(self, version: Version) -> None:
        """Forget everything; from now on it is about this version."""
        self.done = {}
        self.version = version
        partial = self.path.with_name(self.path.name + ".tmp")
        with partial.open("w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(version)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.path)

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
        return [
            k
            for k in range(version.segments())
            if self.done.get(k, 0) < version.bounds(k)[1] - version.bounds(k)[0]
        ]
