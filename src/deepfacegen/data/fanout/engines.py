"""Where units of work run: this process, threads, other processes of this machine (loky), a Ray cluster."""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import joblib
from joblib.externals.loky import ProcessPoolExecutor

from deepfacegen import stopping
from deepfacegen.errors import UserError

ENGINES = ("loky", "threading", "ray")
# A unit uses one core: these limit the libraries that would take more, and must be set before they start.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
MOST_RAY_STARTS = 3

Work = Callable[[Any], Any]


@dataclass(frozen=True)
class Engine:
    """`slots()`: how many units may run at once, which follows a cluster that grows.

    `submit(work, unit)`: a future of work(unit).
    """

    slots: Callable[[], int]
    submit: Callable[[Work, Any], Future]


def open_engine(most_units: int) -> AbstractContextManager[Engine]:
    """The engine that DEEPFACEGEN_ENGINE names (default: loky).

    It has DEEPFACEGEN_WORKERS workers (default: all cores), but no more than `most_units`. loky with one
    worker runs in this process. Raises UserError for an engine that is unknown, not installed or not reached.
    """
    name = os.environ.get("DEEPFACEGEN_ENGINE", "loky")
    if name not in ENGINES:
        raise UserError(f"DEEPFACEGEN_ENGINE must be one of {', '.join(ENGINES)}, not {name!r}")
    wanted = wanted_workers()
    workers = min(wanted or int(joblib.cpu_count()), max(1, most_units))
    if name == "ray":
        return _ray(wanted)
    if name == "threading":
        return _threads(workers)
    return _processes(workers) if workers > 1 else nullcontext(Engine(lambda: 1, _run_here))


def wanted_workers() -> int | None:
    """DEEPFACEGEN_WORKERS, or None when it is not set. Raises UserError for anything but 1, 2, ..."""
    text = os.environ.get("DEEPFACEGEN_WORKERS", "")
    if text and (not text.isdigit() or int(text) < 1):
        raise UserError(f"DEEPFACEGEN_WORKERS must be a whole number from 1 on, not {text!r}")
    return int(text) if text else None


def _run_here(work: Work, unit: Any) -> Future:
    future: Future = Future()
    try:
        future.set_result(work(unit))
    except Exception as error:  # as from another process: the scheduler decides whether to try again
        future.set_exception(error)
    return future


@contextmanager
def _threads(workers: int) -> Iterator[Engine]:
    with ThreadPoolExecutor(workers, initializer=stopping.shield) as pool:
        yield Engine(lambda: workers, pool.submit)


@contextmanager
def _processes(workers: int) -> Iterator[Engine]:
    """Each worker is a loky executor of its own: one that is killed fails its own unit only."""
    executors: list[
        ProcessPoolExecutor
    ] = []  # all of them, also one that an interrupt meets in its first submit
    idle: list[ProcessPoolExecutor] = []
    busy: dict[Future, ProcessPoolExecutor] = {}

    def submit(work: Work, unit: Any) -> Future:
        for future in [future for future in busy if future.done()]:
            executor = busy.pop(future)
            if future.exception() is not None and executor._flags.broken is not None:
                executor.shutdown(wait=False, kill_workers=True)
            else:
                idle.append(executor)
        if not idle:
            new = ProcessPoolExecutor(1, initializer=_end_with, initargs=(os.getpid(),), env=ONE_THREAD)
            executors.append(new)
            idle.append(new)
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
        for executor in executors:
            executor.shutdown(wait=finished, kill_workers=not finished)


def _end_with(driver: int) -> None:
    """End this worker when its driver, the process that started it, has gone."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _ray(workers: int | None) -> Iterator[Engine]:
    """Units as Ray tasks of one core each.

    They run in the open session, else on the cluster at RAY_ADDRESS, else on one that is started here. Ray
    itself retries nothing, since the scheduler counts attempts. Raises UserError when Ray is not installed or
    the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray: Any = importlib.import_module("ray")  # without its types, which mypy would take minutes to read
    except ImportError:
        raise UserError("DEEPFACEGEN_ENGINE=ray, but ray is not installed: pip install '.[ray]'") from None
    own_session = not ray.is_initialized()
    if own_session:
        _start_ray(ray, workers)
    call = ray.remote(_call).options(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")

    def slots() -> int:
        cores = int(ray.cluster_resources().get("CPU", 0))
        return max(1, min(cores, workers or cores))

    try:
        yield Engine(slots, lambda work, unit: call.remote(work, unit).future())
    finally:
        if own_session:
            ray.shutdown()


def _start_ray(ray: Any, workers: int | None) -> None:
    """Connect to the cluster at RAY_ADDRESS, or start one here.

    A start that fails is tried again: Ray gives its own processes a limited time for it.
    """
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
    if not address:
        options |= {"address": "local", "num_cpus": workers or joblib.cpu_count()}
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    for starts_left in reversed(range(1 if address else MOST_RAY_STARTS)):
        try:
            ray.init(**options)
            return
        except Exception as error:  # of many kinds, Exception itself among them
            ray.shutdown()
            if not starts_left:
                what = f"no cluster at RAY_ADDRESS={address}" if address else "Ray does not start"
                line = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise UserError(f"DEEPFACEGEN_ENGINE=ray: {what}: {line}") from None


def _call(work: Work, unit: Any) -> Any:
    return work(unit)
