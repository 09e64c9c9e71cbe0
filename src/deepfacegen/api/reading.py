"""Many files read at once, in order, with a reason in place of each that cannot be used."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from deepfacegen import stopping
from deepfacegen.errors import UserError, reason

Item = TypeVar("Item")


def workers() -> int:
    """How many files are decoded at once: DEEPFACEGEN_WORKERS, or all cores. Raises UserError."""
    text = os.environ.get("DEEPFACEGEN_WORKERS", "")
    if not text:
        return os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"DEEPFACEGEN_WORKERS must be a whole number above 0, not {text!r}")
    return int(text)


def read_batches(
    items: Iterable[Item],
    path: Callable[[Item], Path],
    read: Callable[[Path], np.ndarray],
    workers: int,
    size: int,
) -> Iterator[list[tuple[Item, np.ndarray | str]]]:
    """Batches of (item, what `read` gives for its path, or the reason why nothing).

    Reading runs ahead by at most two batches, so that memory does not grow with the number of files. Threads
    are enough: ffmpeg is a process of its own, and the speech detector releases the interpreter lock.
    """

    def attempt(file: Path) -> np.ndarray | str:
        try:
            return read(file)
        except (UserError, OSError) as error:
            return reason(error, file)

    waiting = iter(items)
    with ThreadPoolExecutor(workers, initializer=stopping.shield) as pool:
        ahead: deque[tuple[Item, Future[np.ndarray | str]]] = deque()

        def results() -> Iterator[tuple[Item, np.ndarray | str]]:
            while True:
                for item in itertools.islice(waiting, 2 * size + workers - len(ahead)):
                    ahead.append((item, pool.submit(attempt, path(item))))
                if not ahead:
                    return
                item, future = ahead.popleft()
                yield item, future.result()

        try:
            done = results()
            while batch := list(itertools.islice(done, size)):
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)
