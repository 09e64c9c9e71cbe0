"""Where runs and published models are kept: the user's MLflow server, or a database in the repository."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepfacegen import tracking_page as page

EXPERIMENT = "deepfacegen"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # MLflow opens its pages for trainings, not those for chat programs
NOTE = "mlflow.note.content"  # what MLflow shows as a run's description, as Markdown
# A tracking server that does not answer must not hold up the work for long.
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}


def root() -> Path:
    """The folder that holds the database and the artifacts: of the repository, also when DVC works in a temporary copy."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"])
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").is_file()), here)


def connect() -> Any:
    """A client of the user's server (MLFLOW_TRACKING_URI), or of the database in the repository."""
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    import mlflow
    import mlflow.store.db.utils

    mlflow.store.db.utils.MAX_RETRY_COUNT = 3  # from 15, whose pauses double each time: an hour on a folder that cannot be written
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow.MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}")


def experiment_id(client: Any) -> str:
    """Of the project's one experiment, which is made if the store does not have it."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    # A server knows where artifacts go; a local database would put them below the current folder.
    where = None if os.environ.get("MLFLOW_TRACKING_URI") else (root() / "mlartifacts").as_uri()
    try:
        return str(client.create_experiment(EXPERIMENT, artifact_location=where, tags=KIND))
    except Exception:
        made_meanwhile = client.get_experiment_by_name(EXPERIMENT)
        if made_meanwhile is None:
            raise
        return str(made_meanwhile.experiment_id)


def describe(client: Any, run_id: str, stage: str, tags: Mapping[str, str]) -> None:
    """Data sets, digests of inputs, links to the runs that made them, and the text at the top of the page."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    read, experiment = page.inputs(stage), client.get_run(run_id).info.experiment_id
    makers = {}
    for part in read:
        client.set_tag(run_id, f"read.{part.name}", part.digest)
        made = client.search_runs([experiment], f"tags.`made.{part.name}` = '{part.digest}'", max_results=1, order_by=["attributes.start_time DESC"])
        if made:
            makers[part.name] = (made[0].info.run_name, made[0].info.run_id)
    context = [InputTag("mlflow.data.context", stage.partition("@")[0])]
    sets = [
        DatasetInput(Dataset(part.name, part.digest, "local", json.dumps({"uri": part.name}), profile=page.profile(part)), context)
        for part in read
        if part.rows
    ]
    if sets:
        client.log_inputs(run_id, sets)
    client.set_tag(run_id, NOTE, page.description(tags, experiment, read, makers))
