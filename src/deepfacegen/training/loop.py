"""The loop that every training shares: batches ahead of time, steps, curves, progress, resume points."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.training.prefetch import Prefetch
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics

log = logging.getLogger(__name__)
Batch = TypeVar("Batch")


class Stateful(Protocol):
    """A network, an optimiser, a moving average: anything with a state to keep."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any) -> Any: ...


@dataclass(frozen=True)
class Effort:
    """What a run cost: figures for the metrics file."""

    steps: int
    seconds: float
    waited_share: float
    resumed_at: int

    def metrics(self, items_per_step: int) -> dict[str, float]:
        rate = self.steps * items_per_step / self.seconds if self.seconds else 0.0
        return {"seconds": round(self.seconds, 1), "items_per_second": round(rate, 1), "waited_share": round(self.waited_share, 4)}


def fit(
    name: str,
    *,
    steps: int,
    batch: Callable[[int], Batch],
    step: Callable[[int, Batch], Mapping[str, Tensor]],
    state: Mapping[str, Stateful],
    statistics: Statistics,
    resume: Resume,
    checkpoint_every: int,
    after: Callable[[int], None] | None = None,
) -> Effort:
    """Run `step(i, batch(i))` for i in 0..steps-1, from the last resume point if there is one.

    `batch` runs in a thread and must depend on the step number alone; `after(i)` follows each step on rank 0. Since
    every step seeds its own randomness, a resumed run ends with the same weights, byte for byte, on a CPU.
    """
    first = 0
    saved = resume.load()
    if saved is not None:
        for key, holder in state.items():
            holder.load_state_dict(saved[key])
        statistics.rows = saved["rows"]
        first = saved["step"]
    batches = Prefetch(batch, first, steps)
    began = perf_counter()
    due = False
    try:
        with _Progress(name, steps, first) as advance:
            for i, item in zip(range(first, steps), batches, strict=True):
                row = statistics.add(i, step(i, item))
                if distributed.rank() == 0:
                    advance(row)
                    if after is not None:
                        after(i)
                    due = due or (i + 1) % checkpoint_every == 0
                    if due and row is not None and i + 1 < steps:  # only at a whole row: pending means are not part of the state
                        resume.save({**{k: v.state_dict() for k, v in state.items()}, "rows": statistics.rows, "step": i + 1})
                        due = False
    finally:
        batches.close()
    seconds = perf_counter() - began
    return Effort(steps - first, seconds, batches.waited_seconds / seconds if seconds else 0.0, first)


class _Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self, name: str, steps: int, first: int) -> None:
        self.name, self.steps, self.done = name, steps, first
        self.quiet = distributed.rank() != 0
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), disable=self.quiet)
        self.began, self.first, self.said = perf_counter(), first, perf_counter()

    def __enter__(self) -> Callable[[Mapping[str, float] | None], None]:
        self.terminal = self.bar.console.is_terminal and not self.quiet
        if self.terminal:
            self.bar.start()
            self.task = self.bar.add_task(self.name, total=self.steps, completed=self.done, note="")
        return self.advance

    def advance(self, row: Mapping[str, float] | None) -> None:
        self.done += 1
        note = " ".join(f"{k} {v:.3g}" for k, v in row.items() if k != "step") if row else None
        if self.terminal:
            self.bar.advance(self.task)
            if note:
                self.bar.update(self.task, note=note)
        elif note and perf_counter() - self.said > 15:
            self.said = perf_counter()
            rate = (self.done - self.first) / (self.said - self.began)
            log.info("%s %d/%d, %.1f steps/s, %.0f s left: %s", self.name, self.done, self.steps, rate, (self.steps - self.done) / rate, note)

    def __exit__(self, *_: object) -> None:
        if self.terminal:
            self.bar.stop()


def seeded(seed: int, step: int, rank: int = 0) -> torch.Generator:
    """A generator that depends on (seed, step, rank) alone."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 4096 + rank)
