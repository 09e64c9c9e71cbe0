"""Stopped from outside: Ctrl-C and SIGTERM end work in one line and with the usual exit status, and workers
end without lines of their own.
 Whoever keeps something for the next run says so with `error.add_note(...)` while the exception passes; the
 notes become part of the line.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any, NoReturn


class Stopped(KeyboardInterrupt):
    """SIGINT or SIGTERM, by its number. Who handles KeyboardInterrupt handles both."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Within, SIGINT and SIGTERM raise Stopped; a second one ends the process at once.

    A signal that this process was started to ignore (as in the background of a shell) stays ignored. With
    RANK set, SIGTERM is left alone: torchrun sends it to processes that may wait for one which is gone, where
    Python runs no handler.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGINT] if "RANK" in os.environ else [signal.SIGINT, signal.SIGTERM]
    before = {
        number: signal.getsignal(number)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for known in before:
            signal.signal(known, _at_once)
        raise Stopped(number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def status(error: KeyboardInterrupt) -> int:
    """What a shell expects of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM."""
    return 128 + int(getattr(error, "number", signal.SIGINT))


def line(error: KeyboardInterrupt, otherwise: str) -> str:
    """`interrupted; ...` with what was noted on the way, or else `otherwise`."""
    word = "interrupted" if status(error) == 130 else "stopped"
    return f"{word}; {'; '.join(notes(error)) or otherwise}"


def notes(error: BaseException) -> list[str]:
    return list(dict.fromkeys(getattr(error, "__notes__", [])))


@contextlib.contextmanager
def deferred(until: str = "") -> Iterator[None]:
    """Within, SIGINT and SIGTERM wait; at its end the first that came does what it would have done.

    A line says what it waits for, unless `until` is empty.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        if until and not came:
            sys.stderr.write(f"ends as soon as {until}\n")
        came.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {
        number: signal.signal(number, wait)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """What is started within, process or thread, does not see SIGINT; one that comes meanwhile is raised here
    afterwards.

    A terminal sends Ctrl-C to all processes of a command. Workers are ended by the one that started them, and
    a decoder that ended by itself would look like a file that is broken.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Python starts it with the first worker, and lets SIGINT through afterwards
    resource_tracker.ensure_running()
    # the mask alone is not enough: another thread may take the signal, and its handler still runs in this one
    with deferred():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def shield() -> None:
    """The same for the thread that calls this, and for all that it starts."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _at_once(number: int, frame: Any) -> NoReturn:
    sys.stderr.write("\n")
    os._exit(128 + number)
