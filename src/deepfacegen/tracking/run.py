"""Runs of stages in MLflow. Without mlflow, or when it fails, the stage goes on."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import posixpath
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from deepfacegen import stopping
from deepfacegen.tracking import store
from deepfacegen.tracking import tags as run_tags
from deepfacegen.tracking.chosen_metrics import dotted, figures
from deepfacegen.tracking.failures import explained, explainer
from deepfacegen.tracking.outbox import Outbox
from deepfacegen.tracking.registry import download

log = logging.getLogger(__name__)
__all__ = ["Tracker", "dotted", "download", "run"]

RUN_ID = "mlflow-run"  # the file beside a resume point
FLUSH_SECONDS = 5.0
BATCH = 1000  # metrics per call, at most, in MLflow
NAME_CHARACTERS = 250  # of a metric, at most


class Tracker:
    """Records one run, in the background. Without a client (the null tracker), and after the first failure,
    every call does nothing.

    `pictures` is a folder of folders of numbered pictures (`samples/000500.png`): each becomes an image of
    that step.
    """

    def __init__(self, client: Any = None, run_id: str = "", pictures: Path | None = None) -> None:
        self._client, self.run_id, self._pictures = client, run_id, pictures
        self._pending: list[Any] = []
        self._sent: set[Path] = set()
        self._flushed = time.monotonic()
        self._outbox = Outbox(explainer(store.address())) if client is not None else None
        self._files = True

    @property
    def on(self) -> bool:
        return self._outbox is not None and not self._outbox.broken

    def metrics(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Log numbers in batches, nested mappings with dotted names, without what is not a finite number."""
        if not self.on:
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._pending += [
            Metric(_name(key), float(value), now, step or 0)
            for key, value in dotted(values).items()
            if _finite(value)
        ]
        if len(self._pending) >= BATCH or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def tags(self, values: Mapping[str, Any]) -> None:
        self.tags_of(lambda: values)

    def tags_of(self, values: Callable[[], Mapping[str, Any]]) -> None:
        """Set tags that are computed in the background."""
        self._send(lambda: [self._client.set_tag(self.run_id, k, str(v)) for k, v in values().items()])

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Log a file or a folder, which must exist until the run ends."""
        send = "log_artifacts" if Path(path).is_dir() else "log_artifact"
        self._send_file(lambda: getattr(self._client, send)(self.run_id, str(path), folder))

    def result(self, stage: str, metrics: Mapping[str, Any], seconds: float) -> None:
        """Log the figures of a stage to compare runs by, and its headline below the run's description."""
        self.metrics({**figures(stage, metrics), "stage_seconds": round(seconds, 1)})

        def headline() -> None:
            if text := run_tags.result(metrics):
                before = self._client.get_run(self.run_id).data.tags.get(store.NOTE, "")
                self._client.set_tag(self.run_id, store.NOTE, before + text)

        self._send(headline)

    def _flush(self) -> None:
        pending, self._pending, self._flushed = self._pending, [], time.monotonic()
        for first in range(0, len(pending), BATCH):
            part = pending[first : first + BATCH]
            self._send(lambda part=part: self._client.log_batch(self.run_id, metrics=part))  # type: ignore[misc]
        for path in sorted(self._pictures.glob("*/*.png")) if self._pictures is not None and self.on else ():
            if path.stem.isdecimal() and path not in self._sent:
                self._sent.add(path)
                self._send_file(lambda path=path: _log_image(self._client, self.run_id, path))  # type: ignore[misc]

    def _send_file(self, call: Callable[[], Any]) -> None:
        """Files often have a store of their own: when it fails, metrics are still logged."""

        def tried() -> None:
            try:
                if self._files:
                    call()
            except Exception as error:
                self._files = False
                log.warning("figures are recorded, files are not: %s", explained(error, store.address()))

        self._send(tried)

    def _send(self, call: Callable[[], Any]) -> None:
        if self._outbox is not None:
            self._outbox.put(call)

    def _end(self, status: str) -> None:
        self._flush()
        self._send(lambda: self._client.set_terminated(self.run_id, status))
        if self._outbox is not None:
            self._outbox.close()


@contextlib.contextmanager
def run(
    stage: str, params: Mapping[str, Any], state: Path | None = None, pictures: Path | None = None
) -> Iterator[Tracker]:
    """One MLflow run for one execution of a stage (`train`, `evaluate@cgan`); yields its Tracker.

    `state` is the resume point of the stage. If it exists, the run that wrote it goes on (the id lies beside
    it) if the store still has that run. Points of the curves after the resume point are then logged twice.

    System metrics are logged every ten seconds with MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING=true. Without
    mlflow, on ranks other than 0, or with DEEPFACEGEN_TRACKING=off, nothing is logged.
    """
    tracker, resumed = _start(stage, params, state, pictures)
    monitor = _monitor(tracker, resumed)
    status = "FAILED"
    try:
        yield tracker
        status = "FINISHED"
        tracker.tags_of(lambda: {f"made.{part.name}": part.digest for part in run_tags.outputs(stage)})
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        if monitor is not None:
            tracker._send(monitor.finish)
        tracker._end(status)


def _start(
    stage: str, params: Mapping[str, Any], state: Path | None, pictures: Path | None
) -> tuple[Tracker, bool]:
    """The tracker, and whether it resumes a run."""
    wanted = os.environ.get("DEEPFACEGEN_TRACKING", "on") != "off" and os.environ.get("RANK", "0") == "0"
    if not wanted or importlib.util.find_spec("mlflow") is None:
        return Tracker(), False
    try:
        with stopping.deferred("MLflow's database is made"):  # an incomplete one takes no runs
            client = store.connect()
        tags = run_tags.of_stage(stage)
        name = f"{tags['group']}/{stage}"
        run_id = _stopped(client, state)
        resumed = run_id is not None
        if run_id is not None:
            client.update_run(run_id, status="RUNNING", name=name)
            for key, value in tags.items():
                client.set_tag(run_id, key, value)
            log.info("tracking goes on in run %s", run_id)
        else:
            run_id = client.create_run(store.experiment_id(client), run_name=name, tags=tags).info.run_id
            _log_params(client, run_id, params)
        if state is not None and not resumed:
            state.parent.mkdir(parents=True, exist_ok=True)
            state.with_name(RUN_ID).write_text(run_id, encoding="utf-8")
    except Exception as error:
        log.warning("no tracking, the work goes on: %s", explained(error, store.address()))
        return Tracker(), False
    tracker = Tracker(client, run_id, pictures)
    tracker._send(lambda: store.describe(client, run_id, stage, tags))
    return tracker, resumed


def _log_image(client: Any, run_id: str, path: Path) -> None:
    from PIL import Image

    place = {"key": path.parent.name, "step": int(path.stem)}
    with Image.open(path) as picture:
        client.log_image(run_id, picture.convert("RGB"), synchronous=True, **place)


def _monitor(tracker: Tracker, resumed: bool) -> Any:
    """MLflow's monitor of system metrics, or None: not switched on, or psutil is missing. On all runs, the
    use of the processor would be what a comparison of runs opens on."""
    wanted = os.environ.get("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "").lower() in {"true", "1"}
    if not tracker.on or not wanted:
        return None
    try:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        logging.getLogger("mlflow.system_metrics").setLevel(logging.ERROR)
        address = tracker._client.tracking_uri
        monitor = SystemMetricsMonitor(tracker.run_id, resume_logging=resumed, tracking_uri=address)
        monitor.start()
    except Exception as error:
        log.debug("no system metrics: %s", explained(error, store.address()))
        return None
    return monitor


def _stopped(client: Any, state: Path | None) -> str | None:
    """The id of the run that wrote the resume point, if both still exist."""
    from mlflow.exceptions import MlflowException

    if state is None or not state.is_file() or not state.with_name(RUN_ID).is_file():
        return None
    run_id = state.with_name(RUN_ID).read_text(encoding="utf-8").strip()
    try:
        found = client.get_run(run_id)
    except MlflowException:  # another store, or one that was emptied
        return None
    return run_id if found.info.lifecycle_stage == "active" else None


def _log_params(client: Any, run_id: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in dotted(params).items()])


def _name(key: str) -> str:
    """A valid name in MLflow; some keys contain user text: nationalities, names of lists."""
    return posixpath.normpath(re.sub(r"[^/\w.\- :]", "_", key)).lstrip("/.")[:NAME_CHARACTERS] or "_"


def _finite(value: Any) -> bool:
    try:
        return not isinstance(value, str) and math.isfinite(value)
    except TypeError:
        return False
