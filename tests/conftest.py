"""What all tests share: no network, no deadlines, for tests do not time, and one release for all that read
one."""

from __future__ import annotations

import importlib.util
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.once import made_once

if TYPE_CHECKING:
    from tests.test_pipeline import Project

# `make test` looks at fewer examples than `make test-all`.
hypothesis.settings.register_profile("all", deadline=None)
hypothesis.settings.register_profile("fast", deadline=None, max_examples=25)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "all"))

SOURCES = Path(__file__).resolve().parents[1] / "src"
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def pytest_configure() -> None:
    """Refuse to test the code of another checkout (PYTHONPATH may name one), which coverage would not see
    either."""
    spec = importlib.util.find_spec("deepfacegen")
    if spec is None or spec.origin is None or SOURCES not in Path(spec.origin).resolve().parents:
        found = spec and spec.origin
        raise pytest.UsageError(f"the tests are for {SOURCES}, but Python imports deepfacegen from {found}")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches beyond this machine fails, whether or not there is a network."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise PermissionError(f"tests use no network, but something connects to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh database of MLflow's; making one takes seconds, copying it does not."""
    mlflow = pytest.importorskip("mlflow")

    def make(folder: Path) -> None:
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}").search_experiments()

    return made_once(tmp_path_factory, "mlflow", make) / "mlflow.db"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone in which the whole pipeline has run on a dozen people; for tests of the group `pipeline`, which
    share a process."""
    from tests.test_pipeline import STAGES, Project, ran

    made = Project(tmp_path_factory.mktemp("clone"))
    assert sorted(ran(made.run("-m", "dvc", "repro"))) == sorted(STAGES)
    return made


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/release of tiny models; the models it was made of lie beside it. Tests copy it before they
    change it."""
    from tests.release import made

    folder = made_once(tmp_path_factory, "project", made.release)
    return folder / "models/release"
