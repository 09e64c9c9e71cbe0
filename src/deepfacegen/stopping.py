"""Ctrl-C and SIGTERM end a command with one line and the usual exit status, and workers without a line.

Notes of the exception (`error.add_note(...)`), such as what a next run resumes from, become part of the line.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
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

    An ignored signal (as in the background of a shell) stays ignored. With RANK set, SIGTERM keeps its
    handler: torchrun sends it to processes that may wait for an ended one, where Python runs no handler.
    """
    numbers = [signal.SIGINT] if "RANK" in os.environ else [signal.SIGINT, signal.SIGTERM]

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for known in numbers:
            if signal.getsignal(known) is stop:
                signal.signal(known, _at_once)
        raise Stopped(number)

    with _handlers(numbers, stop):
        yield


@contextlib.contextmanager
def _handlers(numbers: Iterable[int], handler: Any) -> Iterator[None]:
    """Within, `handler` handles those signals that are not ignored. Without effect outside the main thread,
    where Python sets no handlers."""
    main = threading.current_thread() is threading.main_thread()
    known = {number: signal.getsignal(number) for number in numbers if main}
    before = {number: old for number, old in known.items() if old is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def status(error: KeyboardInterrupt) -> int:
    """The exit status of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM."""
    return 128 + int(getattr(error, "number", signal.SIGINT))


def line(error: KeyboardInterrupt, otherwise: str) -> str:
    """`interrupted; ...` with the notes of the exception, or else `otherwise`."""
    word = "interrupted" if status(error) == 130 else "stopped"
    return f"{word}; {'; '.join(notes(error)) or otherwise}"


def notes(error: BaseException) -> list[str]:
    return list(dict.fromkeys(getattr(error, "__notes__", [])))


@contextlib.contextmanager
def deferred(until: str = "") -> Iterator[None]:
    """Within, SIGINT and SIGTERM wait; at the end, the first one is raised.

    A line says what it waits for, unless `until` is empty.
    """
    came: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        if until and not came:
            sys.stderr.write(f"ends as soon as {until}\n")
        came.append(number)

    try:
        with _handlers((signal.SIGINT, signal.SIGTERM), wait):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Processes and threads that start within ignore SIGINT; one that comes meanwhile is raised afterwards.

    A terminal sends Ctrl-C to all processes of a command. The parent ends its workers, and an interrupted
    decoder would look like a damaged file.
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
    """The same for the calling thread, and for all that it starts."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _at_once(number: int, frame: Any) -> NoReturn:
    sys.stderr.write("\n")
    os._exit(128 + number)
