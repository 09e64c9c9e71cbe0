"""Where units of work run: this process, threads, other processes of this machine (loky), a Ray or a Dask
cluster."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import joblib
from joblib.externals.loky import ProcessPoolExecutor

from deepfacegen import stopping
from deepfacegen.errors import UserError

ENGINES = ("loky", "threading", "dask", "ray")
# One core for each unit of work: libraries that would take more are told so before they start.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


@dataclass(frozen=True)
class Engine:
    """`slots()`: how many units may be under way, which follows a cluster that grows; `submit(work, unit)`: a
    future of work(unit)."""

    slots: Callable[[], int]
    submit: Callable[[Callable[[Any], Any], Any], Future]


@contextlib.contextmanager
def open_engine(most_units: int) -> Iterator[Engine]:
    """The engine that DEEPFACEGEN_ENGINE names (default: loky), with DEEPFACEGEN_WORKERS (default: all cores)
    but no more than `most_units`.

    One unit, or one worker of loky, is worked off in this process. Raises UserError for an engine that is
    unknown, not installed or not reached.
    """
    name = os.environ.get("DEEPFACEGEN_ENGINE", "loky")
    if name not in ENGINES:
        raise UserError(f"DEEPFACEGEN_ENGINE must be one of {', '.join(ENGINES)}, not {name!r}")
    wanted = wanted_workers()
    workers = min(wanted or int(joblib.cpu_count()), max(1, most_units))
    if name == "loky" and workers == 1:
        yield Engine(lambda: 1, _here)
    elif name == "loky":
        with _processes(workers) as engine:
            yield engine
    elif name == "threading":
        with ThreadPoolExecutor(workers, initializer=stopping.shield) as pool:
            yield Engine(lambda: workers, pool.submit)
    else:
        from deepfacegen.data.fanout import clusters

        with (clusters.dask if name == "dask" else clusters.ray)(wanted) as engine:
            yield engine


def wanted_workers() -> int | None:
    """DEEPFACEGEN_WORKERS; None when it is not set. Raises UserError when it is no number from 1 on."""
    text = os.environ.get("DEEPFACEGEN_WORKERS", "")
    if text and (not text.isdigit() or int(text) < 1):
        raise UserError(f"DEEPFACEGEN_WORKERS must be a whole number from 1 on, not {text!r}")
    return int(text) if text else None


def _here(work: Callable[[Any], Any], unit: Any) -> Future:
    future: Future = Future()
    try:
        future.set_result(work(unit))
    except Exception as error:  # as in another process: the scheduler decides what it means
        future.set_exception(error)
    return future


@contextlib.contextmanager
def _processes(workers: int) -> Iterator[Engine]:
    """Each worker is a loky executor of its own: one that is killed takes its own unit with it, and not those
    of the others."""
    every: list[ProcessPoolExecutor] = []  # also the one whose first unit an interrupt follows at once
    idle: list[ProcessPoolExecutor] = []
    busy: dict[Future, ProcessPoolExecutor] = {}

    def submit(work: Callable[[Any], Any], unit: Any) -> Future:
        for future in [future for future in busy if future.done()]:
            executor = busy.pop(future)
            broken = future.exception() is not None and executor._flags.broken is not None
            executor.shutdown(wait=False, kill_workers=True) if broken else idle.append(executor)
        if not idle:
            idle.append(
                ProcessPoolExecutor(1, initializer=_end_with, initargs=(os.getpid(),), env=ONE_THREAD)
            )
            every.append(idle[-1])
        executor = idle.pop()
        with stopping.shielded():  # the first unit starts the process
            future = executor.submit(work, unit)
        busy[future] = executor
        return future

    finished = False
    try:
        yield Engine(lambda: workers, submit)
        finished = True
    finally:
        for executor in every:
            executor.shutdown(wait=finished, kill_workers=not finished)


def _end_with(parent: int) -> None:
    """A worker whose driver was killed ends as well, instead of working on for nobody."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
