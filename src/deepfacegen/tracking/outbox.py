"""Makes records in a thread of its own, so that no stage waits for a slow disk or for digests, or fails with
them."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from deepfacegen.tracking.failures import first_line

log = logging.getLogger(__name__)

# How long a run waits at its end for calls under way, such as the copy of a report.
PATIENCE_SECONDS = 120.0


class Outbox:
    """A queue of calls. After the first that fails no other is made, with one warning.

    `explain` makes one line of an error: cause and remedy.
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
        """Wait until everything is sent, or a call has failed, or the time is over."""
        self._waiting.put(None)
        self._thread.join(patience_seconds)
        if self._thread.is_alive():
            self._break(f"recording is {patience_seconds:.0f} s behind; the rest is not recorded")

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
