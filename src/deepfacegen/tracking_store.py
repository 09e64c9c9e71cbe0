"""Where runs and published models are kept: the user's MLflow server, or a database in the repository."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

EXPERIMENT = "deepfacegen"
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
        return str(client.create_experiment(EXPERIMENT, artifact_location=where))
    except Exception:
        made_meanwhile = client.get_experiment_by_name(EXPERIMENT)
        if made_meanwhile is None:
            raise
        return str(made_meanwhile.experiment_id)
