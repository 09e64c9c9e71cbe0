"""Progress of a long command on stderr: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

EVERY_SECONDS = 10.0


class Progress:
    """Counts finished items of a total, with the rate and the time left."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.started = time.monotonic()
        self.last_line = self.started
        self.bar: Bar | None = None
        if sys.stderr.isatty():
            columns = (
                TextColumn(what),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
            )
            self.bar = Bar(*columns, console=Console(stderr=True))
            self.task = self.bar.add_task(what, total=None, rate="")

    def __enter__(self) -> Progress:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, done: int, total: int) -> None:
        """Tell that `done` of `total` are finished."""
        now = time.monotonic()
        rate = done / max(now - self.started, 1e-9)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total, rate=f"{rate:.1f}/s")
        elif now - self.last_line >= EVERY_SECONDS or done == total:
            self.last_line = now
            sys.stderr.write(
                f"{done} of {total} {self.what}, {rate:.1f}/s, {(total - done) / rate:.0f} s left\n"
            )
