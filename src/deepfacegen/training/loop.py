"""The loop that every training shares: batches ahead of time, steps, curves, progress, resume points, and a
stop when it diverges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.errors import UserError
from deepfacegen.progress import Progress
from deepfacegen.training.prefetch import Prefetch
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics

Batch = TypeVar("Batch")


class Stateful(Protocol):
    """A network, an optimiser, a moving average: anything with a state to keep."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any) -> Any: ...


@dataclass(frozen=True)
class Effort:
    """What a run cost: figures for MLflow, and `steps` for the metrics file. `steps` are this run's, after
    `resumed_at` of runs before it."""

    steps: int
    seconds: float
    waited_share: float
    resumed_at: int

    def metrics(self, items_per_step: int) -> dict[str, float]:
        """All steps behind the weights, and the time and speed of this run's."""
        rate = self.steps * items_per_step / self.seconds if self.seconds else 0.0
        return {
            "steps": self.resumed_at + self.steps,
            "seconds": round(self.seconds, 1),
            "items_per_second": round(rate, 1),
            "waited_share": round(self.waited_share, 4),
        }


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

    `batch` runs in a thread and must depend on the step number alone; `after(i)` follows each step on rank 0.
    Every step seeds its own randomness, and the scalars of a row that is not complete are part of the state:
    a resumed run ends with the same weights and curves, byte for byte, on a CPU.

    Raises UserError when ranks do not find the same resume point, on all ranks that remain when one of them
    ends, and when a value that a step returns, or a weight, is no longer finite. Values are checked for each
    row of the curves and each resume point, states before they are kept and at the end: no step waits for the
    device, and neither a resume point nor what training leaves holds anything that is not finite. All ranks
    raise alike: they share the means, and their weights are the same.
    """
    state = {**state, "statistics": statistics}
    first = 0
    saved = resume.load()
    if saved is not None:
        for key, holder in state.items():
            holder.load_state_dict(saved[key])
        first = saved["step"]
    low, high = distributed.extremes(first)
    if low != high:
        raise UserError(
            f"{name}: one process would go on from step {low}, another from step {high}; "
            "let all see one and the same .cache/resume"
        )
    guard = _Guard(name, steps, kept=first)
    batches = Prefetch(batch, first, steps)
    began = perf_counter()
    try:
        with Progress(name, steps, quiet=distributed.rank() != 0) as progress:
            progress.advance(first, now=False)
            for i, item in zip(range(first, steps), batches, strict=True):
                metrics = step(i, item)
                guard.add(i, metrics)
                row = statistics.add(i, metrics)
                last, due = i + 1 == steps, (i + 1) % checkpoint_every == 0
                if row is not None or due or last:
                    guard.check_values(row)
                progress.advance()
                note = " ".join(f"{k} {v:.3g}" for k, v in row.items() if k != "step") if row else None
                progress.show(note)
                if distributed.rank() == 0 and after is not None:
                    after(i)
                if due or last:
                    states = {key: holder.state_dict() for key, holder in state.items()}
                    guard.check_states(i, states)
                    if not last:
                        if distributed.rank() == 0:
                            resume.save({**states, "step": i + 1})
                        guard.kept = i + 1
    except BaseException as error:
        error.add_note(
            f"the same command goes on from step {guard.kept} of {steps}"
            if guard.kept
            else "no resume point yet, it begins anew"
        )
        raise
    finally:
        batches.close()
    seconds = perf_counter() - began
    return Effort(steps - first, seconds, batches.waited_seconds / seconds if seconds else 0.0, first)


class _Guard:
    """Keeps the scalars of the steps since its last check, and stops the run when something is not finite."""

    def __init__(self, name: str, steps: int, kept: int) -> None:
        self.name, self.steps, self.kept = name, steps, kept
        self._values: dict[str, list[tuple[int, Tensor]]] = {}

    def add(self, i: int, values: Mapping[str, Tensor]) -> None:
        """Keeps the scalars of step `i` where they are, without waiting for the device."""
        for name, value in values.items():
            self._values.setdefault(name, []).append((i, value.detach()))

    def check_values(self, row: Mapping[str, float] | None) -> None:
        """`row` holds means over these values and earlier ones; None where no row was due."""
        kept, self._values = self._values, {}
        if row is not None and all(math.isfinite(value) for value in row.values()):
            return
        found = []
        for name, values in kept.items():
            # Averaged over ranks, so that all name the same step, whichever of them had the value.
            each = distributed.mean(torch.stack([value for _, value in values]).float()).tolist()
            found += [(i, name, v) for (i, _), v in zip(values, each, strict=True) if not math.isfinite(v)]
        if found:
            i, name, value = min(found, key=lambda one: one[0])
            raise self._diverged(i, f"{name} is {value}")
        if row is not None:  # finite values whose mean is not: their sum overflowed
            what = next(f"the mean of {k} is {v}" for k, v in row.items() if not math.isfinite(v))
            raise self._diverged(int(row["step"]) - 1, what)

    def check_states(self, i: int, states: Mapping[str, Any]) -> None:
        """Weights, moments and averages after step `i`."""
        for name, tensor in _tensors(states):
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise self._diverged(i, f"{name} is not finite")

    def _diverged(self, i: int, what: str) -> UserError:
        kept = (
            f"the resume point after step {self.kept} is kept"
            if self.kept
            else "there is no resume point yet"
        )
        return UserError(
            f"{self.name} diverged: {what} at step {i + 1} of {self.steps}; {kept}: "
            f"lower {self.name}.lr and train anew, or run it again as it is if the machine may be to blame"
        )


def _tensors(state: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor in nested mappings and lists, with its dotted name."""
    if isinstance(state, Tensor):
        yield name, state
    elif isinstance(state, (Mapping, list, tuple)):
        for key, inner in state.items() if isinstance(state, Mapping) else enumerate(state):
            yield from _tensors(inner, f"{name}.{key}" if name else str(key))
