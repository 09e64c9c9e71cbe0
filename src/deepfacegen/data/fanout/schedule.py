"""Units of work on an engine: as many at once as there are workers, what fails tried again, the results
whatever the order."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deepfacegen import room
from deepfacegen.data.fanout.engines import open_engine
from deepfacegen.data.fanout.progress import display
from deepfacegen.errors import UserError

log = logging.getLogger(__name__)
Unit = TypeVar("Unit")
Result = TypeVar("Result")

MOST_ATTEMPTS = 3
# So many units that failed for good, and none that was done: it is not they who are at fault.
MOST_FAILED = 10
TICK_SECONDS = 1.0
# What the engines raise when the process died under the work: named here, since their packages may not be
# installed.
DEATHS = {
    "TerminatedWorkerError",
    "WorkerCrashedError",
    "OutOfMemoryError",
    "NodeDiedError",
    "LocalRayletDiedError",
    "KilledWorker",
}


@dataclass
class Task:
    """One unit of work: its name for people, and how many items it has, for the progress bar."""

    unit: Any
    size: int
    name: str
    attempts: int = 0
    began: float = field(default=0.0)


def map_shards(
    work: Callable[[Unit], Result], units: Sequence[Unit], sizes: Sequence[int], label: str
) -> list[Result]:
    """[work(unit) for unit in units], spread over DEEPFACEGEN_WORKERS (default: all cores) by
    DEEPFACEGEN_ENGINE (default: loky).

    `work` must be a module-level function or a partial of one. `sizes` are the items in each unit, for the
    progress bar. Raises UserError when a unit fails MOST_ATTEMPTS times.
    """
    tasks = [
        Task((number, unit), size, f"unit {number}")
        for number, (unit, size) in enumerate(zip(units, sizes, strict=True))
    ]
    found = dict(run(_Numbered(work), tasks, label, sum(sizes), len(tasks)))
    return [found[number] for number in range(len(tasks))]


@dataclass(frozen=True)
class _Numbered:
    work: Callable[[Any], Any]

    def __call__(self, unit: tuple[int, Any]) -> tuple[int, Any]:
        return unit[0], self.work(unit[1])


def run(
    work: Callable[[Any], Result],
    tasks: Iterable[Task],
    label: str,
    total: int,
    most_units: int,
    *,
    fresh: Callable[[Result], bool] = lambda _: True,
    advice: str = "",
) -> Iterator[Result]:
    """work(task.unit) for every task, as they come to an end; tasks are taken from `tasks` only as workers
    become free.

    `total` items and at most `most_units` units are expected. `fresh(result)` tells whether anything was done
    for it now: else it does not count for the rate. A unit that raises, or whose worker dies, is tried again
    after all others, MOST_ATTEMPTS times in all; then, when the others are done, a UserError names it, with
    `advice`. A UserError of the work itself, or a full disk, ends everything at once.
    """
    waiting, again, lost = iter(tasks), deque[Task](), list[tuple[Task, str]]()
    under_way: dict[Future, Task] = {}
    done = 0
    with display(label, total) as show, open_engine(most_units) as engine:
        while True:
            while len(under_way) < engine.slots():
                task = next(waiting, None) or (again.popleft() if again else None)
                if task is None:
                    break
                task.attempts, task.began = task.attempts + 1, time.perf_counter()
                under_way[engine.submit(work, task.unit)] = task
            if not under_way:
                break
            for future in wait(under_way, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED).done:
                task = under_way.pop(future)
                error = future.exception()
                if error is None:
                    done += 1
                    result = future.result()
                    show.advance(task.size, fresh(result))
                    yield result
                elif isinstance(error, UserError) or room.is_disk(error):
                    raise error
                else:
                    _failed(label, task, error, again, lost)
            if not done and len(lost) >= MOST_FAILED:
                break
            show.tell([(task.name, time.perf_counter() - task.began) for task in under_way.values()])
    if lost:
        told = "; ".join(f"{task.name}: {why}" for task, why in lost[:3]) + ("; ..." if len(lost) > 3 else "")
        raise UserError(
            f"{label}: {len(lost)} unit{'s' * (len(lost) > 1)} failed {MOST_ATTEMPTS} times ({told}){advice}"
        )


def _failed(
    label: str, task: Task, error: BaseException, again: deque[Task], lost: list[tuple[Task, str]]
) -> None:
    cause = getattr(error, "cause", None) or error  # Ray wraps what the work raised
    dead = type(cause).__name__ in DEATHS
    line = (str(cause).strip().splitlines() or [""])[0]
    why = "its worker was killed (out of memory?)" if dead else f"{type(cause).__name__}: {line}".rstrip(": ")
    log.debug("%s: %s failed", label, task.name, exc_info=error)
    if task.attempts < MOST_ATTEMPTS:
        again.append(task)
        log.warning(
            "%s: %s failed, attempt %d of %d: %s", label, task.name, task.attempts, MOST_ATTEMPTS, why
        )
    else:
        lost.append((task, why))
