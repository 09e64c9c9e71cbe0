"""The parts of a split archive read as one file, without joining them on disk; parts that are used up may be
gone."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO


class Joined(io.RawIOBase):
    """Read-only, seekable. `sizes` in bytes of all parts, also of those that are no longer there; reading
    from one of those raises OSError."""

    def __init__(self, parts: Sequence[Path], sizes: Sequence[int]) -> None:
        super().__init__()
        self.parts = list(parts)
        self.starts = [sum(sizes[:k]) for k in range(len(sizes) + 1)]
        self.position = 0
        self.opened: tuple[int, BinaryIO] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.starts[-1]}[whence]
        if base + offset < 0:
            raise OSError("before the beginning of the archive")
        self.position = base + offset
        return self.position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """At most to the end of one part; 0 at the end of all."""
        view = memoryview(buffer)
        part = next(
            (k for k in range(len(self.parts)) if self.starts[k] <= self.position < self.starts[k + 1]), None
        )
        if part is None or not view:
            return 0
        file = self._open(part)
        file.seek(self.position - self.starts[part])
        data = file.read(min(len(view), self.starts[part + 1] - self.position))
        if not data:
            raise OSError(f"{self.parts[part]}: shorter than it was")
        view[: len(data)] = data
        self.position += len(data)
        return len(data)

    def close(self) -> None:
        if self.opened is not None:
            self.opened[1].close()
            self.opened = None
        super().close()

    def _open(self, part: int) -> BinaryIO:
        if self.opened is None or self.opened[0] != part:
            if self.opened is not None:
                self.opened[1].close()
            self.opened = part, self.parts[part].open("rb")
        return self.opened[1]
