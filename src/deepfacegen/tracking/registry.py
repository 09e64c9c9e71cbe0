"""Models in MLflow's registry: a release is put in with all that a server needs, and taken out again."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deepfacegen.errors import UserError
from deepfacegen.tracking import page, store
from deepfacegen.tracking.trouble import explained, masked

Found = TypeVar("Found")
CHAMPION = "champion"
RELEASE = "release"  # the name of the release folder among a model's artifacts


@dataclass(frozen=True)
class Package:
    """A model from code: what MLflow keeps of it."""

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
        return next(
            (version for version in self.versions() if CHAMPION in version.tags.get("aliases", "").split()),
            None,
        )

    def versions(self) -> list[Version]:
        """All versions, the newest first; the tag `aliases` lists a version's aliases."""

        def find() -> list[Version]:
            named: dict[int, str] = {}
            for model in self._client.search_registered_models(f"name = '{self.name}'"):
                for alias, number in model.aliases.items():
                    named[int(number)] = f"{named.get(int(number), '')} {alias}".strip()
            found = self._client.search_model_versions(f"name = '{self.name}'")
            return [
                Version(int(v.version), {**v.tags, "aliases": named.get(int(v.version), "")}) for v in found
            ]

        return sorted(_tried(self.name, find), key=lambda version: -version.number)

    def add(self, package: Package) -> int:
        """Put a release in as the next version; returns its number."""
        with contextlib.redirect_stderr(
            io.StringIO()
        ):  # MLflow tells of each step; what goes wrong it raises
            return int(_tried(self.name, lambda: self._add(package)))

    def crown(self, number: int) -> None:
        """Let the alias name this version."""
        _tried(self.name, lambda: self._client.set_registered_model_alias(self.name, CHAMPION, str(number)))

    def _add(self, package: Package) -> str:
        import mlflow
        from mlflow.models import ModelSignature
        from mlflow.types import ParamSchema, ParamSpec, Schema

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        experiment = store.experiment_id(self._client)
        # The calls below have no client of their own; what they use is this process's (and stands in
        # MLFLOW_TRACKING_URI from here on).
        mlflow.set_tracking_uri(self._client.tracking_uri)
        told = page.tags("publish")
        with (
            tempfile.TemporaryDirectory(prefix="deepfacegen-") as scratch,
            mlflow.start_run(
                experiment_id=experiment,
                run_name=f"{told['group']}/publish",
                tags=told,
                log_system_metrics=False,
            ) as run,
        ):
            self._client.log_batch(run.info.run_id, metrics=_metrics(package.metrics))
            store.describe(self._client, run.info.run_id, "publish", told)
            # MLflow calls an artifact as its folder is called.
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
                    params=ParamSchema(
                        [ParamSpec(name, "long", default) for name, default in package.params.items()]
                    ),
                ),
                input_example=_frame(package.example),
                metadata=dict(package.tags),
            )
            version = mlflow.register_model(logged.model_uri, self.name, tags=dict(package.tags))
        self._client.update_model_version(self.name, version.version, package.card)
        return str(version.version)


def download(uri: str, folder: Path) -> Path:
    """Bring the artifacts behind `models:/name@alias`, `models:/name/1` or `runs:/<id>/<path>` into `folder`;
    returns where they are.

    The store is MLFLOW_TRACKING_URI, else the local database. Raises UserError when mlflow is missing or does
    not have them.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise UserError(
            f"{uri}: reading it needs MLflow; install the package mlflow, or give the folder of a release"
        )

    def bring() -> Path:
        client = store.connect()
        from mlflow.artifacts import download_artifacts

        where = (
            _artifacts_of_model(client, uri.removeprefix("models:/")) if uri.startswith("models:/") else uri
        )
        return Path(
            download_artifacts(artifact_uri=where, dst_path=str(folder), tracking_uri=client.tracking_uri)
        )

    return _tried(uri, bring)


def _artifacts_of_model(client: Any, name: str) -> str:
    """`name@alias`, `name/version` or a model's id -> the URI of its artifacts. MLflow's own way there would
    ask the process-wide store."""
    if "@" in name:
        model, alias = name.rsplit("@", 1)
        where = client.get_model_version_download_uri(
            model, client.get_model_version_by_alias(model, alias).version
        )
    elif "/" in name:
        where = client.get_model_version_download_uri(*name.rsplit("/", 1))
    else:
        return str(client.get_logged_model(name).artifact_location)
    return (
        _artifacts_of_model(client, where.removeprefix("models:/"))
        if where.startswith("models:/")
        else str(where)
    )


def _tried(what: str, call: Callable[[], Found]) -> Found:
    try:
        return call()
    except Exception as error:  # whatever a tracking server or a locked database throws
        raise UserError(f"{what}: MLflow does not give it ({explained(error, store.address())})") from None


def _metrics(values: Mapping[str, float]) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(key, value, int(time.time() * 1000), 0) for key, value in values.items()]


def _frame(columns: Mapping[str, Sequence[Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame({name: list(values) for name, values in columns.items()})


def _json(schema: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps([dict(column) for column in schema])
