"""Ray and Dask as engines: a cluster that an environment variable names, or one that is started on this
machine and ends with the stage."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import joblib

from deepfacegen.data.fanout.engines import Engine
from deepfacegen.errors import UserError

START_SECONDS = 60
MOST_STARTS = 3


@contextlib.contextmanager
def ray(workers: int | None) -> Iterator[Engine]:
    """Units as Ray tasks of one core each, on the cluster at RAY_ADDRESS or on one of this machine; a session
    that is already open is used.

    Ray does not try again by itself: the scheduler counts attempts. Raises UserError when the cluster cannot
    be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    module = _installed("ray", "ray")
    own = not module.is_initialized()
    if own:
        _start_ray(module, workers)
    call = module.remote(_call).options(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")

    def slots() -> int:
        cores = int(module.cluster_resources().get("CPU", 0))
        return max(1, min(cores, workers or cores))

    try:
        yield Engine(slots, lambda work, unit: call.remote(work, unit).future())
    finally:
        if own:
            module.shutdown()


def _start_ray(module: Any, workers: int | None) -> None:
    """Reach the cluster at RAY_ADDRESS, or start one here; the latter is tried again, for Ray gives its own
    processes only so long to start."""
    address = os.environ.get("RAY_ADDRESS")
    here: dict[str, Any] = {
        "num_cpus": workers or joblib.cpu_count(),
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
    }
    attempts = 1 if address else MOST_STARTS
    for attempt in range(1, attempts + 1):
        try:
            module.init(
                address=address or "local",
                log_to_driver=False,
                logging_level="ERROR",
                **({} if address else here),
            )
            return
        except Exception as error:  # Ray raises plain ones, too
            module.shutdown()
            if attempt == attempts:
                what = f"no cluster at RAY_ADDRESS={address}" if address else "Ray does not start"
                raise UserError(f"DEEPFACEGEN_ENGINE=ray: {what}: {_line(error)}") from None


@contextlib.contextmanager
def dask(workers: int | None) -> Iterator[Engine]:
    """Units as Dask tasks, on the scheduler at DASK_SCHEDULER_ADDRESS or on processes of this machine. Raises
    UserError when it cannot be reached."""
    module = _installed("distributed", "dask")
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    with contextlib.ExitStack() as stack:
        # A worker that dies takes one attempt with it; without this Dask would try the same unit three times
        # more by itself.
        stack.enter_context(
            importlib.import_module("dask").config.set({"distributed.scheduler.allowed-failures": 0})
        )
        try:
            cluster: Any = address
            if not address:
                here = {"host": "127.0.0.1", "dashboard_address": None, "silence_logs": 50}
                cluster = stack.enter_context(
                    module.LocalCluster(n_workers=workers or joblib.cpu_count(), threads_per_worker=1, **here)
                )
            client = stack.enter_context(module.Client(cluster, timeout=START_SECONDS, set_as_default=False))
        except (OSError, TimeoutError, ValueError) as error:
            what = f"no scheduler at DASK_SCHEDULER_ADDRESS={address}" if address else "Dask does not start"
            raise UserError(f"DEEPFACEGEN_ENGINE=dask: {what}: {_line(error)}") from None

        def slots() -> int:
            cores = sum(client.nthreads().values())
            return max(1, min(cores, workers or cores))

        def submit(work: Callable[[Any], Any], unit: Any) -> Future:
            future: Future = Future()
            theirs = client.submit(_call, work, unit, pure=False, retries=0)
            theirs.add_done_callback(lambda done: _hand_over(done, future))
            return future

        yield Engine(slots, submit)


def _call(work: Callable[[Any], Any], unit: Any) -> Any:
    return work(unit)


def _hand_over(done: Any, future: Future) -> None:
    """The outcome of Dask's own kind of future to one that concurrent.futures can wait for."""
    error = done.exception() if done.status != "cancelled" else RuntimeError("the scheduler cancelled it")
    if error is None:
        future.set_result(done.result())
    else:
        future.set_exception(error)


def _installed(module: str, engine: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(
            f"DEEPFACEGEN_ENGINE={engine}, but {engine} is not installed: pip install '.[{engine}]'"
        ) from None


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
