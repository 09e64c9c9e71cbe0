"""Models in MLflow's registry: a release is registered with all that a server needs, and downloaded."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deepfacegen.errors import UserError
from deepfacegen.tracking import store
from deepfacegen.tracking import tags as run_tags
from deepfacegen.tracking.failures import explained, masked

Found = TypeVar("Found")
CHAMPION = "champion"
RELEASE = "release"  # the name of the release folder among a model's artifacts


@dataclass(frozen=True)
class Package:
    """A model from code, as MLflow stores it."""

    release: Path
    script: Path  # run to load the model
    code: Path  # the package that the script imports
    requirements: Sequence[str]
    inputs: Sequence[Mapping[str, Any]]  # schema, as mlflow.types.Schema.from_json takes it
    outputs: Sequence[Mapping[str, Any]]
    params: Mapping[str, int]  # names and defaults of whole numbers
    example: Mapping[str, Sequence[Any]]
    card: str  # Markdown
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Version:
    number: int
    tags: Mapping[str, str]


class Registry:
    """One registered model of the user's MLflow server, or of the database in the repository. Raises
    UserError when MLflow is missing or fails."""

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("mlflow") is None:
            raise UserError("publishing needs MLflow; install the package mlflow")
        self.name = name
        self._client = _tried(f"MLflow at {masked(store.address())}", store.connect)

    def champion(self) -> Version | None:
        """The version that the alias names, or None."""
        versions = (v for v in self.versions() if CHAMPION in v.tags.get("aliases", "").split())
        return next(versions, None)

    def versions(self) -> list[Version]:
        """All versions, the newest first; the tag `aliases` lists a version's aliases."""

        def find() -> list[Version]:
            named: dict[int, str] = {}
            for model in self._client.search_registered_models(f"name = '{self.name}'"):
                for alias, number in model.aliases.items():
                    named[int(number)] = f"{named.get(int(number), '')} {alias}".strip()
            found = self._client.search_model_versions(f"name = '{self.name}'")
            numbers = [(int(v.version), v.tags) for v in found]
            return [Version(k, {**tags, "aliases": named.get(k, "")}) for k, tags in numbers]

        return sorted(_tried(self.name, find), key=lambda version: -version.number)

    def add(self, package: Package) -> int:
        """Register a release as the next version; returns its number."""
        with contextlib.redirect_stderr(io.StringIO()):  # progress; failures are raised
            return int(_tried(self.name, lambda: self._add(package)))

    def crown(self, number: int) -> None:
        """Let the alias name this version."""
        _tried(self.name, lambda: self._client.set_registered_model_alias(self.name, CHAMPION, str(number)))

    def _add(self, package: Package) -> str:
        import mlflow
        import pandas as pd
        from mlflow.entities import Metric
        from mlflow.models import ModelSignature
        from mlflow.types import ParamSchema, ParamSpec, Schema

        experiment = store.experiment_id(self._client)
        # The calls below use this process's store (in MLFLOW_TRACKING_URI from here on), not a client.
        mlflow.set_tracking_uri(self._client.tracking_uri)
        tags = run_tags.of_stage("publish")
        run_name = f"{tags['group']}/publish"
        with (
            tempfile.TemporaryDirectory(prefix="deepfacegen-") as scratch,
            mlflow.start_run(
                experiment_id=experiment, run_name=run_name, tags=tags, log_system_metrics=False
            ) as run,
        ):
            now = int(time.time() * 1000)
            metrics = [Metric(key, value, now, 0) for key, value in package.metrics.items()]
            self._client.log_batch(run.info.run_id, metrics=metrics)
            read, purpose = run_tags.inputs("publish"), run_tags.purpose("publish")
            store.describe(self._client, run.info.run_id, tags, read, purpose)
            # MLflow names an artifact like its folder.
            folder = Path(scratch) / RELEASE
            shutil.copytree(package.release, folder)
            logged = mlflow.pyfunc.log_model(
                name=self.name,
                python_model=str(package.script),
                artifacts={RELEASE: str(folder)},
                code_paths=[str(package.code)],
                pip_requirements=list(package.requirements),
                signature=ModelSignature(
                    inputs=Schema.from_json(_json(package.inputs)),
                    outputs=Schema.from_json(_json(package.outputs)),
                    params=ParamSchema([ParamSpec(name, "long", n) for name, n in package.params.items()]),
                ),
                input_example=pd.DataFrame({name: list(v) for name, v in package.example.items()}),
                metadata=dict(package.tags),
            )
            version = mlflow.register_model(logged.model_uri, self.name, tags=dict(package.tags))
        self._client.update_model_version(self.name, version.version, package.card)
        return str(version.version)


def download(uri: str, folder: Path) -> Path:
    """Download the artifacts of `models:/name@alias`, `models:/name/1` or `runs:/<id>/<path>` to `folder`;
    returns their path.

    The store is MLFLOW_TRACKING_URI, else the local database. Raises UserError when mlflow or the artifacts
    are missing.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise UserError(f"{uri}: needs MLflow; install the package mlflow, or give the folder of a release")

    def bring() -> Path:
        client = store.connect()
        from mlflow.artifacts import download_artifacts

        where, store_uri = _artifacts(client, uri), client.tracking_uri
        return Path(download_artifacts(artifact_uri=where, dst_path=str(folder), tracking_uri=store_uri))

    return _tried(uri, bring)


def _artifacts(client: Any, uri: str) -> str:
    """The URI of the artifacts behind `models:/` name@alias, name/version or a model's id; another URI as it
    is. MLflow's own function would use the process-wide store."""
    if not uri.startswith("models:/"):
        return uri
    name = uri.removeprefix("models:/")
    if "@" in name:
        model, alias = name.rsplit("@", 1)
        version = client.get_model_version_by_alias(model, alias).version
    elif "/" in name:
        model, version = name.rsplit("/", 1)
    else:
        return str(client.get_logged_model(name).artifact_location)
    return _artifacts(client, str(client.get_model_version_download_uri(model, version)))


def _tried(what: str, call: Callable[[], Found]) -> Found:
    try:
        return call()
    except Exception as error:  # whatever a tracking server or a locked database throws
        raise UserError(f"{what}: MLflow does not give it ({explained(error, store.address())})") from None


def _json(schema: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps([dict(column) for column in schema])
