"""Where runs and published models are kept: the user's MLflow server, or a database in the repository."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import itertools
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepfacegen.tracking import tags as run_tags
from deepfacegen.tracking.failures import masked

log = logging.getLogger(__name__)
EXPERIMENT = "deepfacegen"  # unless MLFLOW_EXPERIMENT_NAME says otherwise
DELETED = (
    "MLflow's experiment %s (id %s) was deleted; this is recorded in %s. With MLFLOW_TRACKING_URI=%s, "
    "`mlflow experiments restore -x %s` brings the deleted one back, `mlflow gc --experiment-ids %s` frees "
    "its name; or set MLFLOW_EXPERIMENT_NAME"
)
KIND = {"mlflow.experimentKind": "custom_model_development"}  # MLflow's pages for training, not for chat
NOTE = "mlflow.note.content"  # the tag of a run's description, as Markdown
LOCAL = "http://127.0.0.1:5000"  # where `mlflow ui` serves its pages
RUNS = (
    "#/experiments/{}/runs?workflowType=machine_learning"  # a click on the experiment leads to pages for chat
)
# A tracking server that does not answer must not hold up the work for long.
BUSY_SECONDS = 20.0  # as MLflow itself waits, once it is connected
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
# Failures are logged once, in one line (tracking.failures), not by these as well, with tracebacks.
QUIET = {
    "mlflow": logging.WARNING,
    "alembic": logging.WARNING,
    "mlflow.store.db.utils": logging.CRITICAL,
    "urllib3.connectionpool": logging.ERROR,
}


def root() -> Path:
    """The folder that holds the database and the artifacts: of the repository, also when DVC works in a
    temporary copy."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"])
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").is_file()), here)


def address() -> str:
    """Of the user's server or database (MLFLOW_TRACKING_URI), or of the database in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


def experiment_name() -> str:
    return os.environ.get("MLFLOW_EXPERIMENT_NAME", "").strip() or EXPERIMENT


def database() -> Path | None:
    """The file of `address`, or None: it is a server, or another kind of database."""
    path = address().removeprefix("sqlite:///")
    return Path(path) if path != address() and "?" not in path else None


def connect() -> Any:
    """A client of `address`. Another process, such as another experiment, may lock a database for a while."""
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    import mlflow
    import mlflow.store.db.utils

    # From 15, with pauses that double: an hour on a folder that cannot be written.
    mlflow.store.db.utils.MAX_RETRY_COUNT = 3
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    where, file = address(), database()
    if file is None:
        return mlflow.MlflowClient(tracking_uri=where)
    with _alone(file.with_name(f"{file.name}.lock")):
        return mlflow.MlflowClient(tracking_uri=f"{where}?timeout={BUSY_SECONDS:g}")


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Of simultaneous experiments, one makes the database, and the others wait."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # no such folder, or a drive without locks
            fcntl.flock(held.enter_context(lock.open("a")), fcntl.LOCK_EX)
        yield


def experiment_id(client: Any, say: Callable[[str], object] = log.warning) -> str:
    """Id of the project's experiment, which is made if the store does not have it. `say` takes one line.

    A deleted one takes no runs, and keeps its name until it is purged: runs then go to the next name.
    """
    wanted = experiment_name()
    name, found, deleted = wanted, client.get_experiment_by_name(wanted), None
    for number in itertools.count(2):
        if found is None or found.lifecycle_stage == "active":
            break
        name, deleted = f"{wanted}-{number}", deleted or found.experiment_id
        found = client.get_experiment_by_name(name)
    if deleted is not None:
        say(DELETED % (wanted, deleted, name, masked(address()), deleted, deleted))
    return str(found.experiment_id) if found is not None else _made(client, name)


def _made(client: Any, name: str) -> str:
    # A server knows where artifacts go; a local database would put them below the current folder.
    where = None if os.environ.get("MLFLOW_TRACKING_URI") else (root() / "mlartifacts").as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=where, tags=KIND))
    except Exception:
        meanwhile = client.get_experiment_by_name(name)
        if meanwhile is None:
            raise
        return str(meanwhile.experiment_id)


def page() -> tuple[str, str] | None:
    """The command that serves the runs ("" where a server does), and the address of their table; None without
    runs, or when MLflow is missing or fails."""
    own = os.environ.get("MLFLOW_TRACKING_URI", "")
    off = os.environ.get("DEEPFACEGEN_TRACKING") == "off" or importlib.util.find_spec("mlflow") is None
    if off or not (own or (root() / "mlflow.db").is_file()):
        return None
    try:
        table = RUNS.format(experiment_id(connect()))
    except Exception as error:
        log.debug("no page of runs", exc_info=error)
        return None
    if own.startswith("http"):
        return "", f"{masked(own).rstrip('/')}/{table}"
    return f"`mlflow ui --backend-store-uri {masked(own) or 'sqlite:///mlflow.db'}`", f"{LOCAL}/{table}"


def describe(
    client: Any, run_id: str, tags: Mapping[str, str], read: Sequence[run_tags.Part], purpose: str
) -> None:
    """Data sets, digests of inputs, links to the runs that made them, and the text at the top of the page."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    stage, experiment = tags["dvc.stage"], client.get_run(run_id).info.experiment_id
    makers = {}
    for part in read:
        client.set_tag(run_id, f"read.{part.name}", part.digest)
        same = f"tags.`made.{part.name}` = '{part.digest}'"
        newest = ["attributes.start_time DESC"]
        for made in client.search_runs([experiment], same, max_results=1, order_by=newest):
            makers[part.name] = (made.info.run_name, made.info.run_id)
    context = [InputTag("mlflow.data.context", stage.partition("@")[0])]
    sets = []
    for part in read:
        if part.rows:
            source, profile = json.dumps({"uri": part.name}), json.dumps(part.rows)
            data = Dataset(part.name, part.digest, "local", source, profile=profile)
            sets.append(DatasetInput(data, context))
    if sets:
        client.log_inputs(run_id, sets)
    client.set_tag(run_id, NOTE, run_tags.description(tags, purpose, experiment, read, makers))
