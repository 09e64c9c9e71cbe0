"""Silence for libraries in C, such as libjpeg, that write to stderr themselves."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


class _Descriptor:
    """The descriptor of stderr, which threads share: closed while any of them wants silence."""

    def __init__(self) -> None:
        self.lock, self.wanted = threading.Lock(), 0
        self.kept: int | None = None

    def close(self) -> None:
        with self.lock:
            self.wanted += 1
            if self.wanted == 1:
                try:
                    self.kept = os.dup(STDERR)
                except OSError:  # this process has none
                    return
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, STDERR)
                os.close(nowhere)

    def open(self) -> None:
        with self.lock:
            self.wanted -= 1
            if self.wanted == 0 and self.kept is not None:
                os.dup2(self.kept, STDERR)
                os.close(self.kept)
                self.kept = None


_stderr = _Descriptor()


@contextmanager
def quiet() -> Iterator[None]:
    """What any thread of this process writes to stderr in the block is lost, so let it be short."""
    _stderr.close()
    try:
        yield
    finally:
        _stderr.open()
