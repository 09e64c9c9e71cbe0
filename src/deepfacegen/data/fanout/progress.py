"""How far the work is, how fast, and which units take longest: a bar on a terminal, a line now and then
elsewhere."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 15.0
MOST_NAMED = 3


@contextlib.contextmanager
def display(label: str, total: int) -> Iterator[Display]:
    """A display of `total` items for as long as the context lasts."""
    with Progress(
        TextColumn(label),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        console=Console(stderr=True),
    ) as bar:
        bar.disable = not bar.console.is_terminal
        yield Display(label, total, bar, bar.add_task(label, total=total, said=""))


class Display:
    """Counts items; `tell` shows them. Items that a stopped run had done already count as done, but not for
    the rate."""

    def __init__(self, label: str, total: int, bar: Progress, task: TaskID) -> None:
        self.label, self.total, self.bar, self.task = label, total, bar, task
        self.done = self.fresh = 0
        self.began = self.said = time.perf_counter()

    def advance(self, count: int, fresh: bool = True) -> None:
        self.done += count
        self.fresh += count * fresh

    def tell(self, under_way: Sequence[tuple[str, float]]) -> None:
        """`under_way`: name and age in seconds of every unit in work."""
        now = time.perf_counter()
        if self.bar.console.is_terminal:
            self.bar.update(self.task, completed=self.done, said=self.state(under_way, now - self.began))
        elif now - self.said > SECONDS_BETWEEN_LINES:
            self.said = now
            log.info(
                "%s: %d of %d, %s", self.label, self.done, self.total, self.state(under_way, now - self.began)
            )

    def state(self, under_way: Sequence[tuple[str, float]], seconds: float) -> str:
        """Rate, time left and the oldest units in work, after so many seconds."""
        rate = self.fresh / max(seconds, 1e-9)
        left = f"{rate:.1f}/s, {clock((self.total - self.done) / rate)} left" if self.fresh else "no rate yet"
        oldest = sorted(under_way, key=lambda unit: -unit[1])[:MOST_NAMED]
        return left + (
            f", longest in work: {', '.join(f'{name} {clock(age)}' for name, age in oldest)}"
            if oldest
            else ""
        )


def clock(seconds: float) -> str:
    """75 -> 1:15, 3675 -> 1:01:15."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
