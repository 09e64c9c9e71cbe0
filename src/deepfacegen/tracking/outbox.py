"""Sends what is to be recorded from a thread of its own, so that work never waits for a tracking server nor
fails with it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from deepfacegen.tracking.trouble import first_line

log = logging.getLogger(__name__)

# At its end a run waits so long for what is still under way (a report on a slow line), and no longer.
PATIENCE_SECONDS = 120.0


class Outbox:
    """Calls, made in the order in which they were put in. After the first that fails no other is made, and a
    warning says so once.

    `explain` makes one line of an error: what is wrong, and what to do.
    """

    def __init__(self, explain: Callable[[Exception], str] = first_line) -> None:
        self._explain = explain
        self._waiting: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._broken = threading.Event()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    @property
    def broken(self) -> bool:
        return self._broken.is_set()

    def put(self, call: Callable[[], Any]) -> None:
        if not self.broken:
            self._waiting.put(call)

    def close(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until everything is sent, or something has failed, or patience is at an end."""
        self._waiting.put(None)
        self._thread.join(patience_seconds)
        if self._thread.is_alive():
            self._break(
                f"the tracking server is {patience_seconds:.0f} s behind; what it has not taken by now is not recorded"
            )

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            if self.broken:
                continue
            try:
                call()
            except Exception as error:  # whatever a tracking server or a locked database throws
                self._break(f"tracking stops, the work goes on: {self._explain(error)}")

    def _break(self, why: str) -> None:
        self._broken.set()
        log.warning("%s", why)
