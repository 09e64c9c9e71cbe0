"""Batches made in a thread, a few ahead, so that training does not wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Queue
from time import perf_counter
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Makes batches `first`, `first + 1`, ... in a thread, a few ahead; counts the seconds its user
    waited."""

    def __init__(self, make: Callable[[int], T], first: int, last: int, depth: int = 4) -> None:
        self.waited_seconds = 0.0
        self._queue: Queue[T | BaseException] = Queue(depth)
        self._stop = threading.Event()
        self._count = last - first
        self._thread = threading.Thread(target=self._run, args=(make, first, last), daemon=True)
        self._thread.start()

    def _run(self, make: Callable[[int], T], first: int, last: int) -> None:
        for step in range(first, last):
            if self._stop.is_set():
                return
            try:
                self._queue.put(make(step))
            except BaseException as error:  # handed to the user's thread, which raises it
                self._queue.put(error)
                return

    def __iter__(self) -> Iterator[T]:
        for _ in range(self._count):
            began = perf_counter()
            item = self._queue.get()
            self.waited_seconds += perf_counter() - began
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Let the thread end even if its user stopped early."""
        self._stop.set()
        while not self._queue.empty():
            self._queue.get_nowait()
