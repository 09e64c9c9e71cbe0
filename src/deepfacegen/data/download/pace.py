"""How fast and how much at once: a byte rate for all connections, limits per host, pauses that servers ask
for, and waits between attempts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from deepfacegen.data.download.failure import FetchError

LONGEST_BACK_OFF_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 900.0  # of a Retry-After; who asks for more is called busy

Sleep = Callable[[float], object]
T = TypeVar("T")


class Rate:
    """Bytes per second over all threads: each takes its share in advance and waits until that time has
    come."""

    def __init__(self, bytes_per_second: float | None, sleep: Sleep = time.sleep) -> None:
        self.bytes_per_second = bytes_per_second
        self.sleep = sleep
        self.lock = threading.Lock()
        self.free_at = time.monotonic()

    def chunk_bytes(self, most: int) -> int:
        """How much to read at once, so that waits stay short."""
        return most if self.bytes_per_second is None else max(1024, min(most, int(self.bytes_per_second / 4)))

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
class Host:
    turns: threading.BoundedSemaphore
    paused_until: float = 0.0
    failures: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Gates:
    """At most `total` connections, at most `per_host` of them to one host and port; none while a host has
    asked for a pause.

    A host to which so many connections in a row did not come about is given up (None: never).
    """

    def __init__(
        self, total: int, per_host: int, sleep: Sleep = time.sleep, give_up_after: int | None = None
    ) -> None:
        self.total = threading.BoundedSemaphore(total)
        self.per_host = per_host
        self.sleep = sleep
        self.give_up_after = give_up_after
        self.anyone_reached = False
        self.hosts: dict[str, Host] = {}
        self.lock = threading.Lock()

    def host(self, name: str) -> Host:
        with self.lock:
            return self.hosts.setdefault(name, Host(threading.BoundedSemaphore(self.per_host)))

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """A turn with one host: waits for the host first, so that nobody holds one of the few connections
        while waiting for another."""
        host = self.host(name)
        with host.turns:
            while (wait := host.paused_until - time.monotonic()) > 0:
                self.sleep(wait)
            with self.total:
                yield

    def pause(self, name: str, seconds: float) -> None:
        """The host wants to be left alone for so long."""
        host = self.host(name)
        with host.lock:
            host.paused_until = max(host.paused_until, time.monotonic() + seconds)

    def reached(self, name: str, success: bool) -> None:
        """Count connections that were refused, timed out or had no address."""
        host = self.host(name)
        with host.lock:
            host.failures = 0 if success else host.failures + 1
            self.anyone_reached |= success

    def given_up(self, name: str) -> bool:
        return self.give_up_after is not None and self.host(name).failures >= self.give_up_after


@dataclass(frozen=True)
class Patience:
    """How often to try again, and how long to wait before."""

    retries: int
    back_off_seconds: float
    sleep: Sleep = time.sleep

    def wait(self, attempt: int, failure: FetchError) -> None:
        """Before attempt number `attempt` + 1: what the server asked for, else a random time below a bound
        that doubles each time."""
        bound = min(self.back_off_seconds * 2**attempt, LONGEST_BACK_OFF_SECONDS)
        jitter = random.uniform(0.0, bound)
        self.sleep(jitter if failure.after_seconds is None else failure.after_seconds + 0.1 * jitter)

    def call(self, action: Callable[[], T]) -> T:
        """The action's result, after as many attempts as it takes. Raises FetchError."""
        for attempt in range(self.retries + 1):
            try:
                return action()
            except FetchError as failure:
                if not failure.temporary or attempt == self.retries:
                    raise
                self.wait(attempt, failure)
        raise AssertionError("unreachable")
