"""Run units of work on an engine: as many at once as there are workers, again what failed, in any order."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from deepfacegen import room
from deepfacegen.data.fanout.engines import open_engine
from deepfacegen.errors import UserError
from deepfacegen.progress import Progress, clock

log = logging.getLogger(__name__)
Unit = TypeVar("Unit")
Result = TypeVar("Result")

MOST_ATTEMPTS = 3
# When so many units have failed for good and none succeeded, the units are not to blame: the run ends.
MOST_FAILED = 10
MOST_NAMED = 3
POLL_SECONDS = 1.0
# What the engines raise when a worker's process died. By name, since Ray may not be installed.
WORKER_DIED = {
    "TerminatedWorkerError",
    "WorkerCrashedError",
    "OutOfMemoryError",
    "NodeDiedError",
    "LocalRayletDiedError",
}


@dataclass
class Task:
    """A unit of work, its number of items for the progress display, and its name in messages."""

    unit: Any
    size: int
    name: str
    attempts: int = 0
    began: float = 0.0


def map_shards(
    work: Callable[[Unit], Result], units: Sequence[Unit], sizes: Sequence[int], label: str
) -> list[Result]:
    """[work(unit) for unit in units], on the engine and workers that the environment names (`open_engine`).

    `work` must be a module-level function or a partial of one. `sizes` are the items in each unit, for the
    progress display. Raises UserError when a unit fails MOST_ATTEMPTS times.
    """
    tasks = [Task(unit, size, f"unit {k}") for k, (unit, size) in enumerate(zip(units, sizes, strict=True))]
    results = {task.name: result for task, result in run(work, tasks, label, sum(sizes), len(tasks))}
    return [results[task.name] for task in tasks]


def run(
    work: Callable[[Any], Result],
    tasks: Iterable[Task],
    label: str,
    total: int,
    most_units: int,
    *,
    done_now: Callable[[Result], bool] = lambda _: True,
    advice: str = "",
) -> Iterator[tuple[Task, Result]]:
    """Each task with its work(task.unit), as they finish. Takes from `tasks` only when a worker is free.

    Expects `total` items and at most `most_units` units. `done_now(result)`: whether this run did the unit,
    not an earlier one; only then it counts for the rate. A unit that raises, or whose worker dies, is tried
    again after all others, MOST_ATTEMPTS times in all. When all others are done, a UserError names those that
    failed, followed by `advice`. A UserError of the work itself, or a full disk, ends the run at once.
    """
    waiting, again = iter(tasks), deque[Task]()
    failed: list[tuple[Task, str]] = []
    running: dict[Future, Task] = {}
    any_done = False
    with Progress(label, total) as progress, open_engine(most_units) as engine:
        while any_done or len(failed) < MOST_FAILED:
            while len(running) < engine.slots():
                task = next(waiting, None) or (again.popleft() if again else None)
                if task is None:
                    break
                task.attempts, task.began = task.attempts + 1, time.perf_counter()
                running[engine.submit(work, task.unit)] = task
            if not running:
                break
            for future in wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                error = future.exception()
                if error is None:
                    any_done = True
                    result = future.result()
                    progress.advance(task.size, now=done_now(result))
                    yield task, result
                elif isinstance(error, UserError) or room.is_disk(error):
                    raise error
                else:
                    why = _cause(error)
                    log.debug("%s: %s failed", label, task.name, exc_info=error)
                    if task.attempts == MOST_ATTEMPTS:
                        failed.append((task, why))
                        continue
                    again.append(task)
                    attempt = f"attempt {task.attempts} of {MOST_ATTEMPTS}"
                    log.warning("%s: %s failed, %s: %s", label, task.name, attempt, why)
            progress.show(_longest(running.values()))
    if failed:
        named = "; ".join(f"{task.name}: {why}" for task, why in failed[:MOST_NAMED])
        more = "; ..." if len(failed) > MOST_NAMED else ""
        units = f"{len(failed)} unit{'s' * (len(failed) > 1)}"
        raise UserError(f"{label}: {units} failed {MOST_ATTEMPTS} times ({named}{more}){advice}")


def _cause(error: BaseException) -> str:
    """Why a unit failed, in one line."""
    cause = getattr(error, "cause", None) or error  # Ray wraps what the work raised
    if type(cause).__name__ in WORKER_DIED:
        return "its worker was killed (out of memory?)"
    return f"{type(cause).__name__}: {(str(cause).strip().splitlines() or [''])[0]}".rstrip(": ")


def _longest(running: Iterable[Task]) -> str:
    """The units that have run longest, and for how long, for the progress display."""
    now = time.perf_counter()
    oldest = sorted(running, key=lambda task: task.began)[:MOST_NAMED]
    named = ", ".join(f"{task.name} {clock(now - task.began)}" for task in oldest)
    return f"longest running: {named}" if named else ""
