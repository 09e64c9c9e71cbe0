"""Runs in MLflow: recorded where they belong, and never in the way of the work."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from deepfacegen.tracking import run as tracking
from deepfacegen.tracking import sender, spool, store, tags
from deepfacegen.tracking.delivery import KEY


def in_a_thread(folder: Path) -> None:
    threading.Thread(target=sender.serve, args=(folder, 0.0), daemon=True).start()


@pytest.fixture
def place(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's root with a database in it; work happens in another folder, as with `dvc exp run
    --temp`. The sender is a thread, which has MLflow imported, and a run waits for it to the end."""
    monkeypatch.setattr(sender, "begin", in_a_thread)
    monkeypatch.setattr(tracking, "PATIENCE_SECONDS", 60.0)
    for key in (
        "MLFLOW_TRACKING_URI",
        "DEEPFACEGEN_TRACKING",
        "RANK",
        "DVC_EXP_NAME",
        "DVC_EXP_BASELINE_REV",
    ):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    (tmp_path / "root").mkdir()
    (tmp_path / "work").mkdir()
    shutil.copy(migrated, tmp_path / "root/mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "root"


def client(place: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{place / 'mlflow.db'}")


def runs(place: Path) -> list[Any]:
    seen = client(place)
    experiment = seen.get_experiment_by_name(store.EXPERIMENT)
    return list(seen.search_runs([experiment.experiment_id])) if experiment else []


def id_of(place: Path, tracker: tracking.Tracker) -> str:
    """The id in MLflow of what a tracker records, as soon as it is there."""
    until = time.monotonic() + 60
    while not (found := [run for run in runs(place) if run.data.tags.get(KEY) == tracker.key]):
        assert time.monotonic() < until
        time.sleep(0.05)
    return str(found[0].info.run_id)


def sent(tracker: tracking.Tracker) -> None:
    """Wait until a sender has done with all that is recorded so far."""
    records, until = tracker._spool, time.monotonic() + 60
    assert records is not None
    written = threading.Event()
    tracker._flush()
    tracker._outbox.put(written.set)
    assert written.wait(60)
    size = (records.run / spool.RECORDS).stat().st_size
    while not records.settled:
        with contextlib.suppress(FileNotFoundError):
            if json.loads((records.run / spool.SENT).read_text())["bytes"] >= size:
                break
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_run_keeps_params_metrics_tags_and_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "lucky-fox")
    (place.parent / "work/grid.png").write_bytes(b"png")
    (place.parent / "work/plots").mkdir()
    (place.parent / "work/plots/a.csv").write_text("x\n1\n")
    with tracking.run("train", {"train.lr": 0.001, "train.name": None}) as tracker:
        for step in range(1, 2501):
            tracker.metrics({"loss": {"g": 1.0 / step, "d": step}}, step=step)
        tracker.metrics({"final": 3, "text": "no number", "bad": float("nan"), "flag": True})
        tracker.tags({"data.manifest": "abc"})
        tracker.artifact(Path("grid.png"), "pictures")
        tracker.artifact(Path("plots"), "plots")
    (run,) = runs(place)
    assert run.info.run_name == "lucky-fox/train"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"train.lr": "0.001", "train.name": "None"}
    assert run.data.metrics == pytest.approx({"loss.g": 1 / 2500, "loss.d": 2500, "final": 3, "flag": 1})
    assert (
        run.data.tags.items()
        >= {"dvc.stage": "train", "dvc.exp": "lucky-fox", "data.manifest": "abc"}.items()
    )
    assert len(client(place).get_metric_history(run.info.run_id, "loss.d")) == 2500
    assert [path.name for path in (place / "mlartifacts").rglob("*.*") if path.is_file()] in (
        ["grid.png", "a.csv"],
        ["a.csv", "grid.png"],
    )
    assert list((place.parent / "work").glob("ml*")) == []


def test_outside_dvc_runs_are_named_by_the_commit(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tags, "git", lambda *arguments: {"rev-parse": "abc1234", "status": " M x"}[arguments[0]]
    )
    with tracking.run("audio", {}):
        pass
    (run,) = runs(place)
    assert run.info.run_name == "abc1234/audio"
    assert run.data.tags["git.dirty"] == "true"


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("x"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(1), "FAILED")],
)
def test_a_run_that_breaks_says_so_and_the_error_goes_on(
    place: Path, error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)), tracking.run("train", {}):
        raise error
    assert [run.info.status for run in runs(place)] == [status]


@pytest.mark.parametrize(("key", "value"), [("RANK", "1"), ("DEEPFACEGEN_TRACKING", "off")])
def test_other_ranks_and_off_record_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.setenv(key, value)
    with tracking.run("train", {"a": 1}) as tracker:
        tracker.metrics({"a": 1})
        tracker.tags({"a": 1})
        tracker.artifact(Path("nowhere"))
    assert not tracker.on
    monkeypatch.delenv(key)
    assert runs(place) == []


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where a stage would keep its resume point; not there yet."""
    return tmp_path / "resume/train/abc/state.pt"


def stopped(state: Path, steps: range) -> str:
    """A run that is killed after `steps`; its id."""
    with contextlib.suppress(KeyboardInterrupt), tracking.run("train", {"train.lr": 0.1}, state) as tracker:
        for step in steps:
            tracker.metrics({"loss": step}, step=step)
        raise KeyboardInterrupt
    return id_of(store.root(), tracker)


def test_resumed_work_goes_on_in_its_run(place: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "lucky-fox")
    first = stopped(state, range(1, 6))
    assert client(place).get_run(first).info.status == "KILLED"
    state.write_bytes(b"state")
    monkeypatch.setenv("DVC_EXP_NAME", "shy-owl")  # DVC gives the next attempt another name
    with tracking.run("train", {"train.lr": 0.1}, state) as tracker:
        sent(tracker)
        assert client(place).get_run(first).info.status == "RUNNING"
        for step in range(6, 11):
            tracker.metrics({"loss": step}, step=step)
    (run,) = runs(place)
    assert run.info.run_id == first == id_of(place, tracker)
    assert (run.info.status, run.info.run_name, run.data.tags["dvc.exp"]) == (
        "FINISHED",
        "shy-owl/train",
        "shy-owl",
    )
    assert run.data.params == {"train.lr": "0.1"}
    assert sorted(point.step for point in client(place).get_metric_history(first, "loss")) == list(
        range(1, 11)
    )


def test_a_run_killed_more_than_once_stays_one(place: Path, state: Path) -> None:
    first = stopped(state, range(1, 3))
    state.write_bytes(b"state")
    assert stopped(state, range(3, 5)) == first
    assert stopped(state, range(5, 7)) == first
    assert len(runs(place)) == 1


def test_work_that_begins_anew_begins_a_run(place: Path, state: Path) -> None:
    first = stopped(state, range(1, 3))
    second = stopped(state, range(1, 3))  # no resume point was reached
    assert second != first
    state.write_bytes(b"state")
    assert stopped(state, range(3, 5)) == second


@pytest.mark.parametrize("lost", ["deleted", "another store", "damaged", "absent"])
def test_a_run_that_the_store_no_longer_has_is_followed_by_a_new_one(
    place: Path, state: Path, migrated: Path, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = stopped(state, range(1, 3))
    state.write_bytes(b"state")
    id_file = state.with_name(tracking.RUN_KEY)
    if lost == "deleted":
        client(place).delete_run(first)
    elif lost == "another store":
        shutil.copy(migrated, place / "mlflow.db")
    elif lost == "damaged":
        id_file.write_text("no id at all")
    else:
        id_file.unlink()
    with caplog.at_level(logging.WARNING), tracking.run("train", {}, state) as tracker:
        assert tracker.on
    assert id_of(place, tracker) != first
    assert [record for record in caplog.records if record.name.startswith("deepfacegen.tracking.")] == []
    assert id_file.read_text() == tracker.key


@pytest.mark.parametrize(("key", "value"), [("RANK", "1"), ("DEEPFACEGEN_TRACKING", "off")])
def test_without_tracking_no_run_is_remembered(
    place: Path, state: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.setenv(key, value)
    with tracking.run("train", {}, state):
        pass
    assert not state.parent.exists()


def test_without_mlflow_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("DEEPFACEGEN_TRACKING", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with tracking.run("train", {}) as tracker:
        tracker.metrics({"a": 1})
    assert list(tmp_path.iterdir()) == []


def said_by(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = (record for record in caplog.records if record.name == "deepfacegen.tracking.run")
    return [record.getMessage() for record in found]


def test_a_database_that_breaks_on_the_way_does_not_stop_the_work_and_nothing_is_lost(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracking, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(sender, "PAUSE_SECONDS", (0.1, 0.1))
    with caplog.at_level(logging.WARNING), tracking.run("train", {}) as tracker:
        tracker.metrics({"loss": 0}, step=0)
        sent(tracker)
        with sqlite3.connect(place / "mlflow.db", timeout=60) as database:
            database.execute("ALTER TABLE metrics RENAME TO away")
        until = time.monotonic() + 60
        while not said_by(caplog) and time.monotonic() < until:
            tracker.metrics({"loss": 1}, step=1)
            time.sleep(0.01)
        assert tracker.on
        tracker.metrics({"loss": 2}, step=2)
    (line,) = said_by(caplog)
    assert line.startswith("not recorded yet, the work goes on: ")
    with sqlite3.connect(place / "mlflow.db", timeout=60) as database:
        database.execute("ALTER TABLE away RENAME TO metrics")
    caplog.clear()
    with caplog.at_level(logging.WARNING), tracking.run("face", {}):
        pass
    assert said_by(caplog) == []
    first = next(run for run in runs(place) if run.data.tags["dvc.stage"] == "train")
    assert first.info.status == "FINISHED"
    history = client(place).get_metric_history(first.info.run_id, "loss")
    assert {point.step for point in history} == {0, 1, 2}
    assert spool.runs(spool.folder()) == []


def test_no_place_for_a_database_does_not_stop_the_work_and_nothing_is_lost(
    place: Path, monkeypatch: pytest.MonkeyPatch, migrated: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (place / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place / 'file/mlflow.db'}")
    with caplog.at_level(logging.WARNING), tracking.run("train", {}) as tracker:
        tracker.metrics({"a": 1})
        Path("grid.png").write_bytes(b"first")
        tracker.artifact(Path("grid.png"))
    (line,) = said_by(caplog)
    assert "not recorded yet" in line
    assert "mlflow-unsent" in line
    Path("grid.png").write_bytes(b"of another run")
    (place / "file").unlink()
    (place / "file").mkdir()
    shutil.copy(migrated, place / "file/mlflow.db")
    assert sender.main([]) == 0
    seen = client(place / "file")
    (run,) = seen.search_runs([one.experiment_id for one in seen.search_experiments()])
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"a": 1.0})
    (kept,) = Path(run.info.artifact_uri.removeprefix("file://")).rglob("grid.png")
    assert kept.read_bytes() == b"first"


def test_the_users_server_wins(
    place: Path, monkeypatch: pytest.MonkeyPatch, migrated: Path, tmp_path: Path
) -> None:
    shutil.copy(migrated, tmp_path / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    with tracking.run("train", {}):
        pass
    assert runs(place) == []
    shutil.copy(tmp_path / "other.db", place / "mlflow.db")
    assert len(runs(place)) == 1


def test_root_is_where_dvc_yaml_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path / "a/b")
    assert store.root() == tmp_path
    assert os.environ.get("DVC_ROOT") is None


def test_dotted_keys() -> None:
    assert tracking.dotted({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}
