"""What MLflow fails with: one line that says what is wrong and what to do, no password in it, and the work
goes on."""

from __future__ import annotations

import contextlib
import errno
import http.server
import logging
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deepfacegen.errors import UserError
from deepfacegen.tracking import run as tracking
from deepfacegen.tracking import store
from deepfacegen.tracking.failures import explained
from deepfacegen.tracking.registry import Registry
from tests.test_tracking import client, id_of, place, runs, said_by, sent

__all__ = ["place"]  # a fixture


@contextlib.contextmanager
def changed(place: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(place / "mlflow.db", timeout=60)) as database, database:
        yield database


def recorded(
    caplog: pytest.LogCaptureFixture, during: Callable[[tracking.Tracker], object] | None = None
) -> list[str]:
    """Warnings of a stage that records a figure, does something, and records another one. The stage always
    comes to its end."""
    ended = False
    with caplog.at_level(logging.WARNING), tracking.run("train", {"train.lr": 0.1}) as tracker:
        tracker.metrics({"loss": 1.0}, step=1)
        if during is not None:
            sent(tracker)
            during(tracker)
        tracker.metrics({"loss": 0.5}, step=2)
        ended = True
    assert ended
    return said_by(caplog)


def test_a_deleted_experiment_is_followed_by_one_of_the_next_name(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert recorded(caplog) == []
    old = client(place).get_experiment_by_name(store.EXPERIMENT).experiment_id
    client(place).delete_experiment(old)
    for _ in range(2):
        caplog.clear()
        (said,) = recorded(caplog)
        assert all(
            part in said
            for part in (
                "deepfacegen",
                f"(id {old})",
                "deepfacegen-2",
                f"mlflow experiments restore -x {old}",
                f"gc --experiment-ids {old}",
            )
        )
    new = client(place).get_experiment_by_name("deepfacegen-2")
    assert new.artifact_location == (place / "mlartifacts").as_uri()
    assert len(client(place).search_runs([new.experiment_id])) == 2


@pytest.mark.parametrize("remedy", ["experiments restore -x", "gc --experiment-ids"])
def test_what_it_says_to_do_brings_the_name_back(
    place: Path, caplog: pytest.LogCaptureFixture, remedy: str
) -> None:
    recorded(caplog)
    old = client(place).get_experiment_by_name(store.EXPERIMENT).experiment_id
    client(place).delete_experiment(old)
    address = f"sqlite:///{place / 'mlflow.db'}"
    assert f"MLFLOW_TRACKING_URI={address}, " in recorded(caplog)[-1]
    command, environment = (
        [sys.executable, "-m", "mlflow", *remedy.split(), old],
        {**os.environ, "MLFLOW_TRACKING_URI": address},
    )
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    caplog.clear()
    assert recorded(caplog) == []
    assert len(runs(place)) == (2 if remedy.startswith("experiments") else 1)


@pytest.mark.parametrize("name", ["faces of 2026", "Größe / 'x' \"y\" #1 100 %", "../../etc"])
def test_an_experiment_of_any_name(
    place: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    assert recorded(caplog) == []
    experiment = client(place).get_experiment_by_name(name)
    assert len(client(place).search_runs([experiment.experiment_id])) == 1


def test_names_that_people_gave_are_no_reason_to_stop(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nationalities and names of lists are part of the names of figures, of which MLflow takes few
    characters."""
    names = ["Côte d'Ivoire", "Korea, South", "trials (1)", "a//b", "x" * 300, "\udcff"]
    assert (
        recorded(
            caplog, lambda tracker: tracker.metrics({"groups": {name: {"accuracy": 0.5} for name in names}})
        )
        == []
    )
    (run,) = runs(place)
    assert {
        "groups.Côte d_Ivoire.accuracy",
        "groups.Korea_ South.accuracy",
        "groups.trials _1_.accuracy",
        "groups.a/b.accuracy",
    } <= set(run.data.metrics)
    assert run.data.metrics["loss"] == 0.5


def test_a_run_deleted_while_it_records(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    (said,) = recorded(caplog, lambda tracker: client(place).delete_run(id_of(place, tracker)))
    run_id = said.split("the run ")[1].split()[0]
    assert said.startswith("MLflow refuses some of it, the work goes on: ")
    assert f"`mlflow runs restore --run-id {run_id}`" in said
    client(place).restore_run(run_id)


def test_where_files_cannot_be_kept_figures_still_are(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    (place / "mlartifacts").write_text("in place of the folder")
    Path("plot.png").write_bytes(b"png")

    def two_files(tracker: tracking.Tracker) -> None:
        for _ in range(2):
            tracker.artifact(Path("plot.png"), "plots")

    (said,) = recorded(caplog, two_files)
    assert said.startswith(f"figures are recorded, files are not: {place / 'mlartifacts'}")
    (run,) = runs(place)
    assert (run.info.status, run.data.metrics["loss"]) == ("FINISHED", 0.5)


def test_a_database_that_another_program_holds(
    place: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.2)
    with contextlib.closing(sqlite3.connect(place / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        (said,) = recorded(caplog)
    assert said.startswith(
        f"not recorded yet, the work goes on: sqlite:///{place / 'mlflow.db'} is locked by another program"
    )


@pytest.mark.parametrize(
    ("revision", "what"), [("ffffffffffff", "a newer MLflow"), ("bd07f7e963c5", "an older MLflow")]
)
def test_a_database_of_another_version(
    place: Path, caplog: pytest.LogCaptureFixture, revision: str, what: str
) -> None:
    with changed(place) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
    (said,) = recorded(caplog)
    assert f"mlflow.db is of {what}" in said
    assert ("mlflow db upgrade" in said) == ("older" in what)


def test_a_file_that_is_no_database(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    (place / "mlflow.db").write_text("not a database " * 100)
    (said,) = recorded(caplog)
    assert "mlflow.db is damaged or no database; move it away" in said


class Answers(http.server.BaseHTTPRequestHandler):
    status, body = 200, b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Host and port of a server that gives one answer to all, and is the one to record on, by a user with a
    password."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:geheim@127.0.0.1:{listening.server_port}")
    yield f"127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (401, b"You are not authenticated.", "MLFLOW_TRACKING_USERNAME"),
        (403, b"Permission denied", "refuses this user"),
        (403, b"Invalid Host header - possible DNS rebinding attack detected", "--allowed-hosts"),
        (404, b"<html>not here</html>", "no MLflow server"),
        (200, b"<html>welcome</html>", "no MLflow server"),
        (503, b"busy", "fails (503)"),
    ],
)
def test_a_server_that_does_not_take_it(
    server: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
    what: str,
) -> None:
    monkeypatch.setattr(Answers, "status", status)
    monkeypatch.setattr(Answers, "body", body)
    (said,) = recorded(caplog)
    assert said.startswith("not recorded yet, the work goes on: ")
    assert what in said
    assert f"http://***@{server}" in said
    assert "geheim" not in said
    with pytest.raises(UserError) as caught:
        Registry("deepfacegen").versions()
    assert what in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("http://ann:geheim@127.0.0.1:9", "no server answers at http://***@127.0.0.1:9"),
        ("mlruns", "writes no more runs into folders (mlruns)"),
        ("wandb://team", "wandb://team is no address of a store"),
    ],
)
def test_an_address_that_leads_nowhere(
    place: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, address: str, what: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    (said,) = recorded(caplog)
    assert what in said


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/mnt/a.png"),
            "the disk of sqlite:///m.db is full",
        ),
        (sqlite3.OperationalError("database or disk is full"), "the disk of sqlite:///m.db is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "may only be read"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/mlflow"),
            "/mlflow cannot be written (Permission denied)",
        ),
        (ValueError("something new\nwith a second line"), "ValueError: something new"),
        (RuntimeError(), "RuntimeError: no message"),
    ],
)
def test_what_is_hard_to_bring_about(error: Exception, what: str) -> None:
    said = explained(error, "sqlite:///m.db")
    assert what in said
    assert "\n" not in said


def connected(folder: str) -> None:
    os.environ["DVC_ROOT"] = folder
    store.experiment_id(store.connect())


def test_experiments_that_begin_at_once_make_one_database(place: Path, tmp_path: Path) -> None:
    """Without a lock, several leave it half made, and nothing is ever recorded in it."""
    new = tmp_path / "new"
    new.mkdir()
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=connected, args=(str(new),)) for _ in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0, 0]
    shutil.copy(new / "mlflow.db", place / "mlflow.db")
    assert client(place).get_experiment_by_name(store.EXPERIMENT) is not None
