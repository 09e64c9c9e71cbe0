"""Runs in MLflow: a view of what DVC ran. The only file that imports mlflow; without it, or when it fails, work goes on."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import math
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from deepfacegen.errors import UserError

log = logging.getLogger(__name__)

EXPERIMENT = "deepfacegen"
RUN_ID = "mlflow-run"  # the file beside a resume point
FLUSH_SECONDS = 5.0
BATCH = 1000  # MLflow takes no more metrics in one call
# A tracking server that does not answer must not hold up the work for long.
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}


class Tracker:
    """Records one run. With no client (the null tracker) every call does nothing; after the first failure likewise."""

    def __init__(self, client: Any = None, run_id: str = "") -> None:
        self._client, self.run_id = client, run_id
        self._pending: list[Any] = []
        self._flushed = time.monotonic()

    @property
    def on(self) -> bool:
        return self._client is not None

    def metrics(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Numbers, nested mappings with dotted names; sent in batches. Anything that is not a finite number is left out."""
        if not self.on:
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._pending += [Metric(key, float(value), now, step or 0) for key, value in dotted(values).items() if _finite(value)]
        if len(self._pending) >= BATCH or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def tags(self, values: Mapping[str, Any]) -> None:
        self._try(lambda: [self._client.set_tag(self.run_id, key, str(value)) for key, value in values.items()])

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """A file, or a folder with all that is in it."""
        send = "log_artifacts" if Path(path).is_dir() else "log_artifact"
        self._try(lambda: getattr(self._client, send)(self.run_id, str(path), folder))

    def _flush(self) -> None:
        pending, self._pending, self._flushed = self._pending, [], time.monotonic()
        for first in range(0, len(pending), BATCH):
            part = pending[first : first + BATCH]
            self._try(lambda part=part: self._client.log_batch(self.run_id, metrics=part))  # type: ignore[misc]

    def _end(self, status: str) -> None:
        self._flush()
        self._try(lambda: self._client.set_terminated(self.run_id, status))

    def _try(self, call: Callable[[], Any]) -> None:
        if not self.on:
            return
        try:
            call()
        except Exception as error:  # whatever a tracking server or a locked database throws
            log.warning("tracking stops, the work goes on: %s", _first_line(error))
            self._client = None


@contextlib.contextmanager
def run(stage: str, params: Mapping[str, Any], state: Path | None = None) -> Iterator[Tracker]:
    """One MLflow run for one execution of a stage; yields its Tracker.

    `state` is the file from which the stage goes on if it was stopped before. While there is one, the work goes on in the run that
    wrote it, whose id lies beside it, as long as the store still has that run. A point of the curves after the state is then there
    twice, at the same step.

    Does nothing when mlflow is not installed, on ranks other than 0, or when DEEPFACEGEN_TRACKING=off.
    """
    tracker = _start(stage, params, state)
    status = "FAILED"
    try:
        yield tracker
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        tracker._end(status)


def dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def root() -> Path:
    """The folder that holds the database and the artifacts: of the repository, also when DVC works in a temporary copy."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"])
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").is_file()), here)


def _start(stage: str, params: Mapping[str, Any], state: Path | None) -> Tracker:
    wanted = os.environ.get("DEEPFACEGEN_TRACKING", "on") != "off" and os.environ.get("RANK", "0") == "0"
    if not wanted or importlib.util.find_spec("mlflow") is None:
        return Tracker()
    try:
        client = _client()
        tags = _tags(stage)
        name = f"{tags.get('dvc.exp') or tags.get('git.sha', 'untracked')}/{stage}"
        stopped = _stopped(client, state)
        if stopped is not None:
            client.update_run(stopped, status="RUNNING", name=name)
            for key, value in tags.items():
                client.set_tag(stopped, key, value)
            log.info("tracking goes on in run %s", stopped)
            return Tracker(client, stopped)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        experiment_id = experiment.experiment_id if experiment else _create(client)
        started = client.create_run(experiment_id, run_name=name, tags=tags)
        tracker = Tracker(client, started.info.run_id)
        _log_params(client, tracker, params)
        if state is not None:
            state.parent.mkdir(parents=True, exist_ok=True)
            state.with_name(RUN_ID).write_text(tracker.run_id, encoding="utf-8")
    except Exception as error:
        log.warning("no tracking, the work goes on: %s", _first_line(error))
        return Tracker()
    return tracker


def _stopped(client: Any, state: Path | None) -> str | None:
    """The id of the run that wrote the state, if the store still has it. Without a state the work begins anew, and so does its run."""
    from mlflow.exceptions import MlflowException

    if state is None or not state.is_file() or not state.with_name(RUN_ID).is_file():
        return None
    run_id = state.with_name(RUN_ID).read_text(encoding="utf-8").strip()
    try:
        found = client.get_run(run_id)
    except MlflowException:  # another store, or one that was emptied
        return None
    return run_id if found.info.lifecycle_stage == "active" else None


def _client() -> Any:
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    import mlflow
    import mlflow.store.db.utils

    mlflow.store.db.utils.MAX_RETRY_COUNT = 3  # from 15, whose pauses double each time: an hour on a folder that cannot be written
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow.MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}")


def _create(client: Any) -> str:
    # A server knows where artifacts go; a local database would put them below the current folder.
    where = None if os.environ.get("MLFLOW_TRACKING_URI") else (root() / "mlartifacts").as_uri()
    try:
        return client.create_experiment(EXPERIMENT, artifact_location=where)
    except Exception:
        made_meanwhile = client.get_experiment_by_name(EXPERIMENT)
        if made_meanwhile is None:
            raise
        return made_meanwhile.experiment_id


def _log_params(client: Any, tracker: Tracker, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    client.log_batch(tracker.run_id, params=[Param(key, str(value)) for key, value in dotted(params).items()])


def _tags(stage: str) -> dict[str, str]:
    tags = {"dvc.stage": stage, "dvc.exp": os.environ.get("DVC_EXP_NAME", ""), "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", "")}
    sha = _git("rev-parse", "--short", "HEAD")
    if sha:
        tags |= {"git.sha": sha, "git.dirty": str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower()}
    return {key: value for key, value in tags.items() if value}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _finite(value: Any) -> bool:
    try:
        return not isinstance(value, str) and math.isfinite(value)
    except TypeError:
        return False


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"


def download(uri: str, folder: Path) -> Path:
    """Bring the artifacts behind `models:/name@alias`, `models:/name/1` or `runs:/<id>/<path>` into `folder`; returns where they are.

    The store is MLFLOW_TRACKING_URI, else the local database. Raises UserError when mlflow is missing or does not have them.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise UserError(f"{uri}: reading it needs MLflow; install the package mlflow, or give the folder of a release")
    try:
        client = _client()
        from mlflow.artifacts import download_artifacts

        where = _artifacts_of_model(client, uri.removeprefix("models:/")) if uri.startswith("models:/") else uri
        return Path(download_artifacts(artifact_uri=where, dst_path=str(folder), tracking_uri=client.tracking_uri))
    except Exception as error:  # whatever a tracking server or a locked database throws
        raise UserError(f"{uri}: MLflow does not give it ({_first_line(error)})") from None


def _artifacts_of_model(client: Any, name: str) -> str:
    """`name@alias`, `name/version` or a model's id -> the URI of its artifacts. MLflow's own way there would ask the process-wide store."""
    if "@" in name:
        model, alias = name.rsplit("@", 1)
        where = client.get_model_version_download_uri(model, client.get_model_version_by_alias(model, alias).version)
    elif "/" in name:
        where = client.get_model_version_download_uri(*name.rsplit("/", 1))
    else:
        return str(client.get_logged_model(name).artifact_location)
    return _artifacts_of_model(client, where.removeprefix("models:/")) if where.startswith("models:/") else str(where)
