"""Limits shared by all threads: byte rate, connections in total and per host, pauses, and retries."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from deepfacegen.data.download.failure import FetchError

MAX_BACK_OFF_SECONDS = 120.0

Sleep = Callable[[float], object]
T = TypeVar("T")


class RateLimit:
    """Of bytes over all threads: each reserves its share of time and sleeps until that is over."""

    def __init__(self, mb_per_second: float | None, sleep: Sleep = time.sleep) -> None:
        self.bytes_per_second = None if mb_per_second is None else mb_per_second * 1e6
        self.sleep = sleep
        self.lock = threading.Lock()
        self.free_at = time.monotonic()

    def chunk_bytes(self, most: int) -> int:
        """How much to read at once, so that each sleep stays short."""
        if self.bytes_per_second is None:
            return most
        return max(1024, min(most, int(self.bytes_per_second / 4)))

    def take(self, count: int) -> None:
        if self.bytes_per_second is None:
            return
        with self.lock:
            now = time.monotonic()
            self.free_at = max(self.free_at, now) + count / self.bytes_per_second
            wait = self.free_at - now
        if wait > 0.005:
            self.sleep(wait)


@dataclass
class _Host:
    slots: threading.BoundedSemaphore
    paused_until: float = 0.0
    failures: int = 0


class ConnectionLimits:
    """At most `total` connections, `per_host` of them to one host and port; none while a host is paused.

    A host is given up after `give_up_after` failed connections in a row (None: never).
    """

    def __init__(
        self, total: int, per_host: int, sleep: Sleep = time.sleep, give_up_after: int | None = None
    ) -> None:
        self.total = total
        self.sleep = sleep
        self.give_up_after = give_up_after
        self.any_host_reached = False
        self.slots = threading.BoundedSemaphore(total)
        self.hosts = defaultdict[str, _Host](lambda: _Host(threading.BoundedSemaphore(per_host)))
        self.lock = threading.Lock()

    @contextmanager
    def slot(self, name: str) -> Iterator[None]:
        """Waits for the host first, so that no thread holds one of the `total` slots while it waits."""
        with self.lock:
            host = self.hosts[name]
        with host.slots:
            while (wait := host.paused_until - time.monotonic()) > 0:
                self.sleep(wait)
            with self.slots:
                yield

    def pause(self, name: str, seconds: float) -> None:
        """No new connection to the host for so long."""
        with self.lock:
            host = self.hosts[name]
            host.paused_until = max(host.paused_until, time.monotonic() + seconds)

    def record_connection(self, name: str, success: bool) -> None:
        """Count connections that were refused, timed out or had no address."""
        with self.lock:
            host = self.hosts[name]
            host.failures = 0 if success else host.failures + 1
            self.any_host_reached |= success

    def is_given_up(self, name: str) -> bool:
        with self.lock:
            return self.give_up_after is not None and self.hosts[name].failures >= self.give_up_after


@dataclass(frozen=True)
class RetryPolicy:
    """How often to retry, and how long to wait before each retry.

    `urllib3.Retry` covers a request up to its headers. Here a retry also resumes a body that broke off, ends
    on Ctrl-C, and its wait is sampled from [0, bound], with a bound that doubles ("full jitter").
    """

    retries: int
    back_off_seconds: float
    sleep: Sleep = time.sleep
    max_after_seconds: float = float("inf")

    def wait(self, attempt: int, failure: FetchError) -> None:
        """Before attempt `attempt` + 1: for the server's Retry-After if it sent one, else a random time."""
        jitter = random.uniform(0.0, min(self.back_off_seconds * 2**attempt, MAX_BACK_OFF_SECONDS))
        self.sleep(jitter if failure.after_seconds is None else failure.after_seconds + 0.1 * jitter)

    def call(self, action: Callable[[], T], progress: Callable[[], int] = lambda: 0) -> T:
        """The action's result. Attempts count anew when `progress` has grown. Raises the last FetchError."""
        attempt, reached = 0, progress()
        while True:
            try:
                return action()
            except FetchError as failure:
                if progress() > reached:
                    attempt, reached = 0, progress()
                too_long = (failure.after_seconds or 0.0) > self.max_after_seconds
                if not failure.temporary or too_long or attempt >= self.retries:
                    raise
                self.wait(attempt, failure)
                attempt += 1
