"""Runs of stages, for MLflow. Without mlflow, or when recording fails, the stage goes on.

A run is written to the disk (tracking.spool); another process brings it to MLflow (tracking.sender).
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import posixpath
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deepfacegen.tracking import sender, store
from deepfacegen.tracking import spool as spools
from deepfacegen.tracking import tags as run_tags
from deepfacegen.tracking.chosen_metrics import dotted, figures
from deepfacegen.tracking.failures import explained, explainer
from deepfacegen.tracking.outbox import Outbox
from deepfacegen.tracking.registry import download
from deepfacegen.tracking.spool import Spool

log = logging.getLogger(__name__)
__all__ = ["Tracker", "dotted", "download", "run"]

RUN_KEY = "mlflow-run"  # the file beside a resume point
FLUSH_SECONDS = 5.0
PATIENCE_SECONDS = 1.0  # for the sender, at the end of a run
BATCH = 1000  # metrics per record, at most
NAME_CHARACTERS = 250  # of a metric, at most


class Tracker:
    """Records one run in a spool, in the background. Without a spool (the null tracker), and after the first
    failure of the disk, every call does nothing.

    `pictures` is a folder of folders of numbered pictures (`samples/000500.png`): each becomes an image of
    that step.
    """

    def __init__(self, spool: Spool | None = None, pictures: Path | None = None) -> None:
        self._spool, self._pictures = spool, pictures
        self._pending: list[tuple[str, float, int, int]] = []
        self._kept: set[Path] = set()
        self._flushed = time.monotonic()
        self._outbox = Outbox(explainer(store.address())) if spool is not None else None

    @property
    def on(self) -> bool:
        return self._outbox is not None and not self._outbox.broken

    @property
    def key(self) -> str:
        """The run's tag `run.key`; "" without a spool."""
        return self._spool.key if self._spool is not None else ""

    def metrics(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Log numbers in batches, nested mappings with dotted names, without what is not a finite number."""
        if not self.on:
            return
        now_ms = int(time.time() * 1000)
        self._pending += [
            (_name(key), float(value), now_ms, step or 0)
            for key, value in dotted(values).items()
            if _finite(value)
        ]
        if len(self._pending) >= BATCH or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def tags(self, values: Mapping[str, Any]) -> None:
        self.tags_of(lambda: values)

    def tags_of(self, values: Callable[[], Mapping[str, Any]]) -> None:
        """Set tags that are computed in the background."""
        self._add("tags", lambda _: {"values": {key: str(value) for key, value in values().items()}})

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or a folder, which must exist until the run ends."""
        self._keep("file", Path(path), folder=folder)

    def result(self, stage: str, metrics: Mapping[str, Any], seconds: float) -> None:
        """Log the figures of a stage to compare runs by, and its headline below the run's description."""
        self.metrics({**figures(stage, metrics), "stage_seconds": round(seconds, 1)})
        if text := run_tags.result(metrics):
            self._add("note", lambda _: {"text": text})

    def _flush(self) -> None:
        pending, self._pending, self._flushed = self._pending, [], time.monotonic()
        if pending:
            self._add("metrics", lambda _: {"values": pending})
        for path in sorted(self._pictures.glob("*/*.png")) if self._pictures is not None and self.on else ():
            if path.stem.isdecimal() and path not in self._kept:
                self._kept.add(path)
                self._keep("image", path, folder=path.parent.name, step=int(path.stem))
        self._warn()

    def _keep(self, what: str, path: Path, **values: Any) -> None:
        def keep(spool: Spool) -> dict[str, Any] | None:
            try:
                return {"path": spool.keep(path), **values}
            except OSError as error:
                log.warning("%s is not recorded: %s", path, explained(error, store.address()))
                return None

        self._add(what, keep)

    def _add(self, what: str, values: Callable[[Spool], Mapping[str, Any] | None]) -> None:
        """Write a record of what is computed in the background, unless that is None."""
        spool = self._spool
        if spool is None or self._outbox is None:
            return

        def add() -> None:
            if (found := values(spool)) is not None:
                spool.add(what, **found)

        self._outbox.put(add)

    def _warn(self) -> None:
        for line in self._spool.said() if self._spool is not None else ():
            log.warning("%s", line)

    def _end(self, status: str) -> None:
        if self._spool is None or self._outbox is None:
            return
        self._flush()
        self._add("end", lambda _: {"status": status})
        self._outbox.close()
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._outbox.broken and not self._spool.settled and time.monotonic() < until:
            time.sleep(0.02)
        self._warn()
        self._spool.close()


@contextlib.contextmanager
def run(
    stage: str, params: Mapping[str, Any], state: Path | None = None, pictures: Path | None = None
) -> Iterator[Tracker]:
    """One MLflow run for one execution of a stage (`train`, `evaluate@cgan`); yields its Tracker.

    `state` is the resume point of the stage. If it exists, the run that wrote it goes on (its key lies beside
    it) if the store still has that run. Points of the curves after the resume point are then logged twice.

    System metrics are logged every ten seconds with MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING=true. Without
    mlflow, on ranks other than 0, or with DEEPFACEGEN_TRACKING=off, nothing is logged.
    """
    tracker = _start(stage, params, state, pictures)
    status = "FAILED"
    try:
        yield tracker
        status = "FINISHED"
        tracker.tags_of(lambda: {f"made.{part.name}": part.digest for part in run_tags.outputs(stage)})
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        tracker._end(status)


def _start(stage: str, params: Mapping[str, Any], state: Path | None, pictures: Path | None) -> Tracker:
    wanted = os.environ.get("DEEPFACEGEN_TRACKING", "on") != "off" and os.environ.get("RANK", "0") == "0"
    if not wanted or importlib.util.find_spec("mlflow") is None:
        return Tracker()
    try:
        before = _stopped(state)
        spool = Spool(spools.folder(), before)
        sender.begin(spools.folder())
        if state is not None and not before:
            state.parent.mkdir(parents=True, exist_ok=True)
            state.with_name(RUN_KEY).write_text(spool.key, encoding="utf-8")
    except Exception as error:
        log.warning("no tracking, the work goes on: %s", explained(error, store.address()))
        return Tracker()
    tracker, tags = Tracker(spool, pictures), run_tags.of_stage(stage)
    started = {
        "key": spool.key,
        "resumed": bool(before),
        "name": f"{tags['group']}/{stage}",
        "tags": tags,
        "params": {key: str(value) for key, value in dotted(params).items()},
        "system_metrics": _flag("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"),
    }
    tracker._add("start", lambda _: started)
    tracker._add("describe", lambda _: _described(stage, tags))
    return tracker


def _described(stage: str, tags: Mapping[str, str]) -> dict[str, Any]:
    read = [asdict(part) for part in run_tags.inputs(stage)]
    return {"tags": tags, "read": read, "purpose": run_tags.purpose(stage)}


def _stopped(state: Path | None) -> str:
    """The key of the run that wrote the resume point; "" without one."""
    if state is None or not state.is_file():
        return ""
    with contextlib.suppress(OSError, ValueError):
        return uuid.UUID(state.with_name(RUN_KEY).read_text(encoding="utf-8").strip()).hex
    return ""


def _flag(name: str) -> bool:
    """On all runs, the use of the processor would be what a comparison of runs opens on."""
    return os.environ.get(name, "").lower() in {"true", "1"}


def _name(key: str) -> str:
    """A valid name in MLflow; some keys contain user text: nationalities, names of lists."""
    return posixpath.normpath(re.sub(r"[^/\w.\- :]", "_", key)).lstrip("/.")[:NAME_CHARACTERS] or "_"


def _finite(value: Any) -> bool:
    try:
        return not isinstance(value, str) and math.isfinite(value)
    except TypeError:
        return False
