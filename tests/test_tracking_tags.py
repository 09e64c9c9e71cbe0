"""A run's tags and page: the origin of its inputs, pictures of each step, the machine's use, a description
with links. All in a real store."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from PIL import Image

from deepfacegen.evaluation.protocol.population import digest
from deepfacegen.tracking import run as tracking
from deepfacegen.tracking import store, tags
from deepfacegen.tracking.outbox import Outbox
from tests.test_tracking import client, place, runs

__all__ = ["place"]  # a fixture

ROOT = Path(__file__).parents[1]
CELL = {"accuracy": 0.8241, "ci95_low": 0.7894, "ci95_high": 0.8531}


def manifest(people: int) -> None:
    """The manifest's tables in the current folder."""
    Path("data/manifest").mkdir(parents=True, exist_ok=True)
    for factor, table in enumerate(("identities", "clips", "faces"), start=1):
        pd.DataFrame({"identity_id": [f"id{n}" for n in range(people * factor)]}).to_parquet(
            f"data/manifest/{table}.parquet"
        )


def model(name: str, weights: bytes) -> None:
    Path(f"models/{name}").mkdir(parents=True, exist_ok=True)
    Path(f"models/{name}/network.safetensors").write_bytes(weights)


def page_of(place: Path, name: str) -> Any:
    (found,) = [run for run in runs(place) if run.info.run_name == name]
    return found


def test_runs_of_one_experiment_lead_to_each_other(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest(5)
    with tracking.run("manifest", {}):
        pass
    with tracking.run("pretrain", {}):
        model("voice", b"first")
    monkeypatch.setenv("DVC_EXP_NAME", "lucky-fox")  # of which only the stages from train on are run
    with tracking.run("train", {}):
        model("cgan", b"first")
    with tracking.run("evaluate@cgan", {}) as tracker:
        cells = {"voice_to_face": {"unseen": {"gender": CELL}, "seen": {}}}
        tracker.result("evaluate@cgan", {"judge": "sface", "matching": cells}, 1.0)
    group = page_of(place, "lucky-fox/train").data.tags["group"]
    assert group == page_of(place, "lucky-fox/evaluate@cgan").data.tags["group"] == "lucky-fox"
    (pretrain,) = [run for run in runs(place) if run.data.tags["dvc.stage"] == "pretrain"]
    trained, evaluated = page_of(place, "lucky-fox/train"), page_of(place, "lucky-fox/evaluate@cgan")
    note = trained.data.tags[store.NOTE]
    digest, name = pretrain.data.tags["made.models/voice"], pretrain.info.run_name
    assert f"| models/voice | `{digest}` | weights | [{name}](#/experiments/" in note
    assert f"/runs/{pretrain.info.run_id})" in note
    assert "`dvc exp apply lucky-fox && dvc repro train`" in note
    assert f"/runs/{trained.info.run_id})" in evaluated.data.tags[store.NOTE]
    assert "| grouped by gender | 82.4 % [78.9, 85.3] |  |" in evaluated.data.tags[store.NOTE]
    found = client(place).search_runs([trained.info.experiment_id], "tags.group = 'lucky-fox'")
    assert {run.info.run_id for run in found} == {trained.info.run_id, evaluated.info.run_id}


def test_a_model_that_changed_since_is_not_linked(place: Path) -> None:
    manifest(5)
    with tracking.run("pretrain", {}):
        model("voice", b"first")
    model("voice", b"another")
    with tracking.run("train", {}):
        pass
    (train,) = [run for run in runs(place) if run.data.tags["dvc.stage"] == "train"]
    (row,) = [line for line in train.data.tags[store.NOTE].splitlines() if "models/voice" in line]
    assert row.endswith("| not in this store |")


def test_data_is_an_input_with_a_digest_and_rows(place: Path) -> None:
    manifest(5)
    with tracking.run("pretrain", {}):
        pass
    (run,) = runs(place)
    ((given,),) = [run.inputs.dataset_inputs]
    assert (given.dataset.name, given.dataset.profile) == (
        "data/manifest",
        '{"identities": 5, "clips": 10, "faces": 15}',
    )
    assert given.tags[0].value == "pretrain"
    assert digest(Path("data/manifest")).startswith(given.dataset.digest)
    manifest(6)
    with tracking.run("pretrain", {}):
        pass
    assert len({each.inputs.dataset_inputs[0].dataset.digest for each in runs(place)}) == 2


def test_a_failed_stage_made_nothing(place: Path) -> None:
    def broken() -> None:
        with tracking.run("pretrain", {}):
            model("voice", b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    (run,) = runs(place)
    assert not [key for key in run.data.tags if key.startswith("made.")]


def test_numbered_pictures_become_images_of_their_steps(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "FLUSH_SECONDS", 0.0)
    plots = Path("plots")
    (plots / "samples").mkdir(parents=True)
    Image.new("RGB", (8, 8), "red").save(plots / "matching.png")
    Image.new("RGB", (8, 8), "red").save(plots / "samples/last.png")
    with tracking.run("train", {}, pictures=plots) as tracker:
        for step in (30, 60):
            Image.new("RGB", (8, 8), (step, 0, 0)).save(plots / f"samples/{step:06d}.png")
            tracker.metrics({"loss": 1.0}, step=step)
        Image.new("RGB", (8, 8), (90, 0, 0)).save(
            plots / "samples/000090.png"
        )  # after the last point of the curve
    (run,) = runs(place)
    images = sorted(path for path in (place / "mlartifacts").rglob("*.png"))
    assert [path.name.split("+")[:3] for path in images] == [
        ["samples", "step", "30"],
        ["samples", "step", "60"],
        ["samples", "step", "90"],
    ]
    assert [Image.open(path).getpixel((0, 0)) for path in images] == [(30, 0, 0), (60, 0, 0), (90, 0, 0)]
    assert run.data.tags["mlflow.loggedImages"] == "True"


def test_the_use_of_the_machine_is_recorded_where_it_is_switched_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    for wanted in ("true", "unset", "false"):
        if wanted == "unset":
            monkeypatch.delenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING")
        else:
            monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", wanted)
        with tracking.run(wanted, {}):
            until = time.monotonic() + 60
            while (
                wanted == "true"
                and time.monotonic() < until
                and not any(run.data.metrics for run in runs(place))
            ):
                time.sleep(0.05)
    for run in runs(place):
        assert ("system/cpu_utilization_percentage" in run.data.metrics) == (
            run.data.tags["dvc.stage"] == "true"
        )
        assert run.info.status == "FINISHED"


def test_what_is_told_of_a_stage_agrees_with_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part that a stage is said to read or write lies in a dep or an out of it (or holds one), and
    every stage with a model is there."""
    monkeypatch.chdir(ROOT)
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for name, (read, written) in tags.FLOW.items():
        if name not in stages:
            continue
        entry = stages[name].get("do", stages[name])
        listed = [str(next(iter(out))) if isinstance(out, dict) else out for out in entry.get("outs", [])]
        for parts, there in ((read, entry["deps"]), (written, listed)):
            for part in (wanted.replace("*", "") for wanted in parts):
                assert any(path.startswith(part) for path in there), f"{name}: {part}"
        assert tags.purpose(name) == entry["desc"].rstrip(".") + "."
    assert set(tags.FLOW) - set(stages) <= {"publish", "release"}
    assert {name for name, entry in stages.items() if "models/" in str(entry.get("outs"))} <= set(tags.FLOW)


def test_work_does_not_wait_for_a_slow_server(caplog: pytest.LogCaptureFixture) -> None:
    answered = threading.Event()
    outbox, done = Outbox(), []
    outbox.put(lambda: answered.wait(60))
    outbox.put(lambda: done.append(1))  # returns although the first is still under way
    assert done == []
    answered.set()
    outbox.close()
    assert (done, outbox.broken, caplog.records) == ([1], False, [])


def test_a_server_that_never_answers_does_not_hold_the_end(caplog: pytest.LogCaptureFixture) -> None:
    never = threading.Event()
    outbox, done = Outbox(), []
    outbox.put(never.wait)
    outbox.put(lambda: done.append(1))
    outbox.close(0.05)
    assert outbox.broken
    assert "behind" in caplog.records[0].message
    never.set()
    outbox._thread.join(60)
    assert done == []
