"""Progress of long work, with rate and time left: a bar on a terminal, elsewhere a line every 15 seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

log = logging.getLogger(__name__)
Item = TypeVar("Item")

SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """A context in which `advance` counts items of `total` (None: unknown), and `show` displays the count.

    `write` takes the lines (default: the log). With `quiet` nothing is displayed.
    """

    def __init__(
        self, label: str, total: int | None, *, write: Callable[[str], object] = log.info, quiet: bool = False
    ) -> None:
        self.label, self.total, self.write, self.quiet = label, total, write, quiet
        self.done = self.done_now = 0
        self.note = ""
        self.began = self.last_line = time.perf_counter()
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        state = TextColumn("{task.fields[state]}", markup=False)
        self.bar = Bar(
            TextColumn("{task.description}", markup=False), *columns, state, console=Console(stderr=True)
        )
        self.bar.disable = quiet or not self.bar.console.is_interactive
        self.task = self.bar.add_task(label, total=total, state="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def advance(self, count: int = 1, *, now: bool = True) -> None:
        """Count items as done. Those that an earlier run did (`now=False`) do not count for the rate."""
        self.done += count
        self.done_now += count * now

    def show(self, note: str | None = None) -> None:
        """Display the count; `note` follows it (None: the last note again)."""
        self.note = self.note if note is None else note
        if not self.bar.disable:
            self.bar.update(self.task, completed=self.done, total=self.total, state=self.state())
        elif not self.quiet and time.perf_counter() - self.last_line > SECONDS_BETWEEN_LINES:
            self.last_line = time.perf_counter()
            total = "" if self.total is None else f" of {self.total}"
            self.write(f"{self.label}: {self.done}{total}, {self.state()}")

    def show_done(self, done: int, total: int) -> None:
        """Display that this run has done so many of so many."""
        self.done = self.done_now = done
        self.total = total
        self.show()

    def state(self) -> str:
        """Rate, time left and note: `10.0/s, 0:40 left, loss 0.3`."""
        rate = self.done_now / max(time.perf_counter() - self.began, 1e-9)
        parts = [f"{rate:.1f}/s"] if self.done_now else ["no rate yet"]
        if self.done_now and self.total is not None:
            parts.append(f"{clock((self.total - self.done) / rate)} left")
        return ", ".join([*parts, self.note] if self.note else parts)


def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """The same items, with a display of how many have been worked on."""
    with Progress(label, total) as progress:
        for item in items:
            yield item
            progress.advance()
            progress.show()


def clock(seconds: float) -> str:
    """75 -> 1:15, 3675 -> 1:01:15."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
