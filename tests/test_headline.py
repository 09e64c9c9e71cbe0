"""The few figures that people meet: in `dvc metrics show`, in `dvc exp show`, in MLflow, and at the end of
`make repro`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepfacegen.report import headline
from deepfacegen.report.collect import Collected, Refined
from deepfacegen.tracking import store
from deepfacegen.tracking.chosen_metrics import dotted, figures
from tests.test_tracking import place

__all__ = ["place"]  # a fixture
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import repro  # noqa: E402

MOST_OF_DVC, MOST_OF_MLFLOW, COLUMNS = 24, 40, 200
COSTS = ("steps", "seconds", "items_per_second", "waited_share", "stage_seconds")


def recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    """(stage as DVC calls it, metrics) of every file that Git has below metrics/."""
    listed = subprocess.run(
        ["git", "ls-files", "metrics"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.split():
        stage = "@".join(Path(name).relative_to("metrics").with_suffix("").parts)
        yield stage.replace("summary", "report"), json.loads((ROOT / name).read_text(encoding="utf-8"))


def metrics_of_dvc() -> list[str]:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    entries = [stage.get("do", stage) for stage in stages.values()]
    return [next(iter(one)) for entry in entries for one in entry.get("metrics", [])]


def test_dvc_has_few_metrics_in_one_file_and_the_document_explains_each() -> None:
    assert metrics_of_dvc() == [headline.PATH.as_posix()]
    found = json.loads((ROOT / headline.PATH).read_text(encoding="utf-8"))
    assert 10 <= len(found) <= MOST_OF_DVC
    assert all(isinstance(value, float) for value in found.values())
    document = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert not [key for key in found if f"`{key}`" not in document]


def test_the_headline_is_of_what_the_stages_wrote() -> None:
    every = dict(recorded())
    systems = {
        name.removeprefix("evaluate@"): one for name, one in every.items() if name.startswith("evaluate@")
    }
    refined = {"cyclegan": Refined(systems.pop("cyclegan")["refinement"], {})}
    whole = Collected(every, systems, {}, [], {}, {}, refined=refined)
    found = headline.headline(whole)
    assert found == json.loads((ROOT / headline.PATH).read_text(encoding="utf-8"))
    unseen = systems["cgan"]["matching"]["voice_to_face"]["unseen"]
    assert found["cgan"] == round(unseen["ungrouped"]["accuracy"], 4)
    assert found["cgan_gender"] == round(unseen["gender"]["accuracy"], 4)
    alone = headline.headline(replace(whole, systems={"svhf": systems["svhf"]}, refined={}, stages={}))
    assert alone == {"svhf": found["svhf"]}


def test_git_has_no_times_or_rates_which_differ_from_run_to_run() -> None:
    for stage, metrics in recorded():
        names = [name.rpartition(".")[2] for name in dotted(metrics)]
        assert not [name for name in names if re.search(r"(^|_)seconds$|_per_|waited|real_time", name)], stage


def test_mlflow_gets_few_metrics_of_a_run() -> None:
    """Those of its file, its curves (whose last values are its losses), and what it cost."""
    for stage, metrics in recorded():
        curves = {**metrics.get("losses", {}), **metrics.get("train", {})}
        logged = figures(stage, metrics)
        assert len(logged) + len(curves) + len(COSTS) <= MOST_OF_MLFLOW, stage
        assert not [name for name in logged if name.startswith(("losses.", "train."))], stage
        if stage.startswith("evaluate@"):
            assert len(logged) >= 4, stage
            assert min(logged).startswith(("matching.", "refinement.")), "a comparison of runs opens on it"


@pytest.mark.dvc
def test_dvc_prints_them_in_a_terminal(tmp_path: Path) -> None:
    text = {"stages": {"report": {"cmd": "true", "metrics": [{headline.PATH.as_posix(): {"cache": False}}]}}}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    (tmp_path / "metrics").mkdir()
    (tmp_path / headline.PATH).write_bytes((ROOT / headline.PATH).read_bytes())
    typed(tmp_path, "-m", "dvc", "init", "--no-scm", "--quiet")
    shown = typed(tmp_path, "-m", "dvc", "metrics", "show").stdout
    assert "cgan_gender" in shown
    assert max(len(line) for line in shown.splitlines()) <= COLUMNS


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    names = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
    names |= {"DVC_NO_ANALYTICS": "1", "DEEPFACEGEN_TRACKING": "off", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=names, capture_output=True, text=True, check=False)


@pytest.mark.dvc
def test_make_repro_ends_with_the_figures_and_an_error_stays_one(tmp_path: Path) -> None:
    stage = {"cmd": "mkdir -p metrics && cp from.json metrics/manifest.json", "deps": ["from.json"]}
    stage["outs"] = [{"metrics/manifest.json": {"cache": False}}]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"manifest": stage}}), encoding="utf-8")
    (tmp_path / "from.json").write_bytes((ROOT / "metrics/manifest.json").read_bytes())
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    typed(tmp_path, "-m", "dvc", "init", "--quiet")
    plain = typed(tmp_path, "-m", "dvc", "repro").stdout
    assert "dvc push" in plain
    assert "git add" in plain
    done = typed(tmp_path, str(ROOT / "tools/repro.py"), "--force")
    assert done.returncode == 0
    assert "Running stage 'manifest'" in done.stdout
    assert "dvc push" not in done.stdout
    assert "git add" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("people        330 (222 train")
    (tmp_path / "from.json").unlink()
    failed = typed(tmp_path, str(ROOT / "tools/repro.py"))
    assert failed.returncode not in (0, None)
    assert "from.json" in failed.stdout + failed.stderr
    assert "people" not in failed.stdout


def test_the_end_of_a_run_says_how_good_it_is_and_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "page", lambda: ("`mlflow ui`", "http://127.0.0.1:5000/#/experiments/1/runs"))
    lines = {line[: repro.WIDTH].strip(): line[repro.WIDTH :] for line in repro.closing(ROOT).splitlines()}
    unseen = json.loads((ROOT / "metrics/evaluate/cgan.json").read_text())["matching"]["voice_to_face"][
        "unseen"
    ]
    assert f"unseen people {unseen['ungrouped']['accuracy'] * 100:.1f} % [" in lines["cgan"]
    assert f"{unseen['gender']['accuracy'] * 100:.1f} % [" in lines["cgan"]
    assert "precision" in lines["image quality"]
    assert "nearest" in lines["baseline"]
    assert lines["runs"] == "`mlflow ui`"
    assert "http://127.0.0.1:5000/#/experiments/1/runs" in repro.closing(ROOT)


def test_without_results_there_is_nothing_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "page", lambda: None)
    assert repro.closing(tmp_path) == ""


def test_the_page_of_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = store.experiment_id(store.connect())
    table = f"#/experiments/{number}/runs?workflowType=machine_learning"
    assert store.page() == (
        "`mlflow ui --backend-store-uri sqlite:///mlflow.db`",
        f"http://127.0.0.1:5000/{table}",
    )
    monkeypatch.setattr(store, "connect", lambda: None)
    monkeypatch.setattr(store, "experiment_id", lambda client: "7")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@runs.example.org/")
    assert store.page() == (
        "",
        "https://***@runs.example.org/#/experiments/7/runs?workflowType=machine_learning",
    )
    monkeypatch.setenv("DEEPFACEGEN_TRACKING", "off")
    assert store.page() is None


def test_no_page_where_nothing_is_recorded_or_the_store_fails(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "mlflow.db").write_text("no database")
    assert store.page() is None
    (place / "mlflow.db").unlink()
    assert store.page() is None
