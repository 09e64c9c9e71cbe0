"""Work over shards on many processes: same results in the same order, whatever the engine and the number of workers."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import joblib
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deepfacegen.errors import UserError

log = logging.getLogger(__name__)
Unit = TypeVar("Unit")
Result = TypeVar("Result")

ENGINES = ("loky", "threading", "dask", "ray")
SECONDS_BETWEEN_LINES = 15.0


def map_shards(work: Callable[[Unit], Result], units: Sequence[Unit], sizes: Sequence[int], label: str) -> list[Result]:
    """[work(unit) for unit in units], spread over DEEPFACEGEN_WORKERS (default: all cores) by DEEPFACEGEN_ENGINE (default: loky).

    `work` must be a module-level function or a partial of one. `sizes` are the items in each unit, for the progress bar.
    """
    workers = min(_workers(), max(1, len(units)))
    results: list[Result] = []
    with _engine(), _progress(label, sum(sizes)) as advance:
        # return_as="generator" keeps the order; pre_dispatch bounds what is under way.
        stream = joblib.Parallel(n_jobs=workers, return_as="generator", pre_dispatch="2*n_jobs", batch_size=1)(
            joblib.delayed(work)(unit) for unit in units
        )
        for result, size in zip(stream, sizes, strict=True):
            results.append(result)
            advance(size)
    return results


def slices(table: pd.DataFrame, key: str, rows: int) -> list[pd.DataFrame]:
    """A sorted table cut every `rows` rows; a cut moves down where it would part rows that share their `key`."""
    values = table[key].to_numpy()
    bounds = [0]
    while bounds[-1] < len(table):
        end = min(bounds[-1] + rows, len(table))
        while end < len(table) and values[end] == values[end - 1]:
            end += 1
        bounds.append(end)
    return [table.iloc[a:b] for a, b in itertools.pairwise(bounds)]


def _workers() -> int:
    text = os.environ.get("DEEPFACEGEN_WORKERS", "")
    if not text:
        return int(joblib.cpu_count())
    if not text.isdigit() or int(text) < 1:
        raise UserError(f"DEEPFACEGEN_WORKERS must be a whole number from 1 on, not {text!r}")
    return int(text)


def _engine() -> contextlib.AbstractContextManager[Any]:
    name = os.environ.get("DEEPFACEGEN_ENGINE", "loky")
    if name not in ENGINES:
        raise UserError(f"DEEPFACEGEN_ENGINE must be one of {', '.join(ENGINES)}, not {name!r}")
    try:
        if name == "dask":  # DASK_SCHEDULER_ADDRESS names a cluster; without it Dask starts one on this machine
            importlib.import_module("distributed").Client(os.environ.get("DASK_SCHEDULER_ADDRESS"))
        elif name == "ray":  # RAY_ADDRESS names a cluster
            importlib.import_module("ray.util.joblib").register_ray()
    except ImportError:
        raise UserError(
            f"DEEPFACEGEN_ENGINE={name}, but {name} is not installed: pip install '{'ray' if name == 'ray' else 'dask[distributed]'}'"
        ) from None
    return joblib.parallel_config(backend=name)


@contextlib.contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on a terminal, a line now and then elsewhere."""
    began = said = time.perf_counter()
    done = 0
    rate_column = TextColumn("{task.fields[rate]:.1f}/s")
    with Progress(TextColumn(label), BarColumn(), MofNCompleteColumn(), rate_column, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        terminal = bar.console.is_terminal
        bar.disable = not terminal
        task = bar.add_task(label, total=total, rate=0.0)

        def advance(count: int) -> None:
            nonlocal done, said
            done += count
            now = time.perf_counter()
            rate = done / max(now - began, 1e-9)
            if terminal:
                bar.update(task, advance=count, rate=rate)
            elif now - said > SECONDS_BETWEEN_LINES:
                said = now
                log.info("%s: %d of %d, %.1f/s, %.0f s left", label, done, total, rate, (total - done) / rate)

        yield advance
