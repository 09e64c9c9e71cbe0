"""The process that sends: what a killed stage, a killed sender or a stopped server leave is sent, once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepfacegen.tracking import sender, spool, store
from tests.test_tracking import client, runs

WORK = """
import sys, time
from pathlib import Path
from deepfacegen.tracking.run import run
with run("train", {"train.lr": 0.1}) as tracker:
    tracker.metrics({"loss": 1.0}, step=1)
    Path("grid.png").write_bytes(b"png")
    tracker.artifact(Path("grid.png"), "pictures")
    tracker._flush()
    Path("recorded").touch()
    time.sleep(float(sys.argv[1]))
print("mlflow" in sys.modules)
"""


@pytest.fixture
def place(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's root with a database; stages and senders are processes of their own."""
    for key in ("MLFLOW_TRACKING_URI", "DEEPFACEGEN_TRACKING", "RANK"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "src"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated, tmp_path / "mlflow.db")
    return tmp_path


def stage(seconds: float) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", WORK, str(seconds)], stdout=subprocess.PIPE, text=True)


def until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def send() -> None:
    """All that is not sent, after a lingering sender, if there is one, has come to its end."""
    assert sender.main([]) == 0


@pytest.mark.slow
def test_a_stage_imports_no_mlflow_and_its_run_is_there_without_anything_else(place: Path) -> None:
    said, _ = stage(0).communicate(timeout=120)
    assert said == "False\n"
    until(lambda: [run.info.status for run in runs(place)] == ["FINISHED"])
    until(lambda: spool.runs(spool.folder()) == [])
    (run,) = runs(place)
    assert (run.data.metrics["loss"], run.data.params) == (1.0, {"train.lr": "0.1"})
    assert [path.read_bytes() for path in (place / "mlartifacts").rglob("grid.png")] == [b"png"]


@pytest.mark.slow
def test_a_killed_stage_loses_nothing_and_its_run_is_not_running_for_ever(place: Path) -> None:
    working = stage(600)
    until(lambda: any(run.data.metrics for run in runs(place)))  # live, while the stage works
    working.kill()
    working.wait()
    until(lambda: spool.runs(spool.folder()) == [])
    (run,) = runs(place)
    assert (run.info.status, run.data.metrics["loss"]) == ("KILLED", 1.0)


@pytest.mark.slow
def test_a_killed_sender_is_followed_by_another_and_nothing_is_there_twice(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen

    def noted(*words: Any, **more: Any) -> subprocess.Popen:
        started.append(popen(*words, **more))
        return started[-1]

    monkeypatch.setattr(sender.subprocess, "Popen", noted)
    writing = spool.Spool(spool.folder())
    start = {"key": writing.key, "resumed": False, "name": "abc/train", "tags": {"dvc.stage": "train"}}
    writing.add("start", **start, params={}, system_metrics=False)
    writing.add("metrics", values=[["loss", 1.0, 1, 1]])
    sender.begin(spool.folder())
    until(lambda: any(run.data.metrics for run in runs(place)))
    os.kill(started[0].pid, signal.SIGKILL)
    started[0].wait()
    (writing.run / spool.SENT).unlink()  # as if it had been killed before it noted how far it was
    writing.add("metrics", values=[["loss", 0.5, 2, 2]])
    writing.add("end", status="FINISHED")
    writing.close()
    send()
    (run,) = runs(place)
    assert run.info.status == "FINISHED"
    history = client(place).get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5)]


def test_what_cannot_be_sent_is_kept_below_a_name_that_holds_no_password(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:geheim@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    writing = spool.Spool(spool.folder())
    writing.add("end", status="FINISHED")
    writing.close()
    assert sender.main([]) == 1
    assert spool.runs(spool.folder()) == [writing.run]
    texts = [path.read_text() for path in (place / spool.FOLDER).rglob("*") if path.is_file()]
    assert not any("geheim" in text for text in [*texts, *map(str, (place / spool.FOLDER).rglob("*"))])
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert spool.runs(spool.folder()) == []  # of another store
    assert store.database() == place / "mlflow.db"
