"""The pipeline as a whole, with real DVC, ffmpeg and MLflow, on a dozen sample people: run, run again, change
a value, kill."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest
import yaml

from deepfacegen.config.schema import TrainConfig
from tests.mlflow_ui import LOOPBACK, mlflow_ui, shown
from tests.report import browser

ROOT = Path(__file__).parents[1]
DEFAULT_LR = str(TrainConfig().lr)
TINY = {
    "sample": {"identities": 16, "clips_per_identity": 2, "photos_per_identity": 2, "clip_seconds": 3.0},
    "pretrain": {"steps": 20, "batch": 8, "channels": 32, "embedding_dim": 16},
    "prior": {
        "architecture": "trained",
        "steps": 30,
        "batch": 8,
        "channels": 4,
        "max_channels": 8,
        "code_dim": 4,
        "adversary_from": 15,
        "flow_steps": 20,
    },
    "train": {"steps": 60, "batch": 8, "adversary_from": 20, "checkpoint_every": 25, "sample_every": 30},
    "face": {"steps": 20, "batch": 8, "channels": 4, "embedding_dim": 8},
    "speech2face": {"recogniser_steps": 10, "steps": 10, "batch": 8},
    "svhf": {
        "steps": 10,
        "batch": 8,
        "ways": 4,
        "image_size_px": 32,
        "channels": 4,
        "max_channels": 8,
        "dim": 8,
        "hidden": 16,
    },
    "pins": {"steps": 10, "batch": 8, "dim": 8},
    "contrastive": {"steps": 10, "members": 2, "hidden": 8},
    "cyclegan": {"steps": 10, "batch": 4, "size_px": 64, "scale": 4, "channels": 4},
    "evaluate": {"draws": 1, "clips_per_identity": 1, "bootstrap": 100},
    "report": {"people": 2, "draws": 1},
    "split": {"test_share": 0.3},
}
BASELINES = ["svhf", "pins", "contrastive"]
SYSTEMS = ["cgan", "speech2face", *BASELINES]
STAGES = [
    *(
        "download",
        "audio",
        "faces",
        "photos",
        "manifest",
        "pretrain",
        "prior",
        "train",
        "face",
        "speech2face",
        *(f"baseline@{name}" for name in BASELINES),
        "refine",
    ),
    *(f"evaluate@{name}" for name in (*SYSTEMS, "cyclegan")),
    "report",
    "release",
]
pytestmark = [pytest.mark.dvc, pytest.mark.xdist_group("pipeline")]


class Project:
    """A fresh clone in a temporary folder, with tiny parameters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tracked = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split("\n")
        for name in filter(None, tracked):
            if (ROOT / name).is_file() and not name.startswith("metrics/"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        (folder / "dvc.lock").unlink(missing_ok=True)
        params = yaml.safe_load((folder / "params.yaml").read_text())
        for section, values in TINY.items():
            params[section].update(values)
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        self.git("init", "-q")
        self.git("add", "-A")
        self.git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "start")

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True)

    @property
    def environment(self) -> dict[str, str]:
        names = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "DEEPFACEGEN_"))}
        return names | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
            "DVC_NO_ANALYTICS": "1",
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def metrics(self, name: str) -> dict:
        return json.loads((self.folder / "metrics" / f"{name}.json").read_text())

    def digests(self, folder: str) -> dict[str, str]:
        return {
            p.name: hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted((self.folder / folder).glob("*.safetensors"))
        }


def ran(output: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", output)


@pytest.fixture(scope="module")
def project(tiny: Project) -> Project:
    return tiny


def test_every_input_is_accounted_for(project: Project) -> None:
    expected = pd.read_csv(project.folder / "data/raw/meta/expected_rejects.csv")
    found = pd.concat(
        pd.read_parquet(project.folder / f"data/{stage}/rejects.parquet") for stage in ("audio", "faces")
    )
    assert sorted(found["reason"]) == sorted(expected["reason"])
    for stage in ("audio", "faces"):
        told = project.metrics(stage)
        assert told["kept"] + told["rejected"]["all"] == told["seen"]
    assert project.metrics("manifest")["leaks"] == 0


def test_the_headline_is_written_for_seen_and_unseen_side_by_side(project: Project) -> None:
    matching = project.metrics("evaluate/cgan")["matching"]["voice_to_face"]
    for population in ("seen", "unseen"):
        for group in ("ungrouped", "gender"):
            cell = matching[population][group]
            assert 0 <= cell["ci95_low"] <= cell["accuracy"] <= cell["ci95_high"] <= 1
    assert (project.folder / "report/index.html").stat().st_size > 10_000


def test_every_system_answers_the_same_questions(project: Project) -> None:
    assert set(project.metrics("summary")["systems"]) == set(SYSTEMS)
    told = {name: project.metrics(f"evaluate/{name}") for name in SYSTEMS}
    trials = {
        name: {key: cell["trials"] for key, cell in metrics["matching"]["voice_to_face"]["unseen"].items()}
        for name, metrics in told.items()
    }
    assert all(found == trials["cgan"] for found in trials.values())
    for name, metrics in told.items():
        assert {part.split(".")[0] for part in metrics["models"]} == (
            {"voice", "cgan"} if name == "cgan" else {"voice", "face", name}
        )
        assert 0 <= metrics["matching"]["voice_to_face"]["unseen"]["ungrouped"]["accuracy"] <= 1
    refined = project.metrics("evaluate/cyclegan")
    assert refined["data"] == {key: told["cgan"]["data"][key] for key in ("source", "digest")}
    assert refined["refinement"]["scale"] == TINY["cyclegan"]["scale"]


def test_a_release_draws_from_a_recording_of_its_own(project: Project) -> None:
    recording = next((project.folder / "data/raw/voices").rglob("*.m4a"))
    told = "drawing.speech_seconds, [face.size for face in drawing.faces], drawing.voice.typicality"
    load = "from deepfacegen import VoiceToFace; model = VoiceToFace.load()"
    said = project.run(
        "-c",
        f"{load}; drawing = model.generate({str(recording)!r}, count=2); print({told}); "
        "print(model.figures.keys())",
    )
    assert "[(128, 128), (128, 128)]" in said
    assert "'matching'" in said
    figures = project.metrics("release")
    assert figures["onnx"]["largest_difference"]["pixels"] <= 1e-3
    assert set(figures["traits"]["age"]) == {"missing"}  # sixteen people are too few


def test_a_second_repro_does_nothing(project: Project) -> None:
    assert ran(project.run("-m", "dvc", "repro")) == []


def test_a_stage_that_runs_again_leaves_what_git_has_as_it_was(project: Project) -> None:
    paths = ("dvc.lock", "metrics/audio.json", "metrics/faces.json")
    before = {path: (project.folder / path).read_bytes() for path in paths}
    again = project.run("-m", "dvc", "repro", "--single-item", "--force", "audio", "faces")
    assert sorted(ran(again)) == ["audio", "faces"]
    assert {path: (project.folder / path).read_bytes() for path in paths} == before


def test_another_learning_rate_reruns_training_and_what_follows_only(project: Project) -> None:
    before = project.digests("models/cgan")
    first, second, *rest = ran(project.run("-m", "dvc", "exp", "run", "-S", "train.lr=1e-4"))
    assert (first, second, sorted(rest)) == ("train", "evaluate@cgan", ["release", "report"])
    assert project.digests("models/cgan") != before
    told = json.loads(project.run("-m", "dvc", "exp", "show", "--json"))
    assert "0.0001" in json.dumps(told)
    table = project.run("-m", "dvc", "exp", "show", "--only-changed", "--drop", ".*/")
    assert "train.lr" in table
    # Not the width of `table`: parameters of this project differ from those that are committed, in dozens.
    assert max(map(len, project.run("-m", "dvc", "metrics", "show").splitlines())) <= 200


def recorded(project: Project) -> list[dict[str, Any]]:
    """The runs in MLflow's database, the newest first."""
    program = (
        "import json, mlflow; client = mlflow.MlflowClient('sqlite:///mlflow.db');"
        "found = "
        "client.search_runs([client.get_experiment_by_name('deepfacegen').experiment_id], "
        "max_results=500);"
        "images = lambda run: [f.path for f in client.list_artifacts(run.info.run_id, 'images')];"
        "print(json.dumps([{'id': r.info.run_id, 'name': r.info.run_name, 'experiment': "
        "r.info.experiment_id, 'params': r.data.params,"
        " 'tags': r.data.tags, 'metrics': sorted(r.data.metrics), 'images': images(r),"
        " 'data': [d.dataset.name for d in r.inputs.dataset_inputs]} for r in found]))"
    )
    project.run("-c", "from deepfacegen.tracking import sender; assert not sender.finished(120)")
    return json.loads(project.run("-c", program).splitlines()[-1])


def trainings(project: Project) -> tuple[dict[str, Any], dict[str, Any]]:
    """The training of `dvc repro`, and that of the experiment with another learning rate, as MLflow has
    them."""
    found = {
        run["params"]["train.lr"]: run for run in recorded(project) if run["tags"]["dvc.stage"] == "train"
    }
    assert set(found) == {DEFAULT_LR, "0.0001"}
    return found[DEFAULT_LR], found["0.0001"]


def test_mlflow_has_the_parameters_of_dvc_and_links_between_stages(project: Project) -> None:
    first, other = trainings(project)
    listed = {f"train.{key}" for key in yaml.safe_load((project.folder / "params.yaml").read_text())["train"]}
    assert set(first["params"]) == set(other["params"]) == listed
    assert {key for key in listed if first["params"][key] != other["params"][key]} == {"train.lr"}
    runs = recorded(project)
    encoder, prior = (
        next(run for run in runs if run["tags"]["dvc.stage"] == stage) for stage in ("pretrain", "prior")
    )
    (evaluated,) = [
        run
        for run in runs
        if run["tags"]["dvc.stage"] == "evaluate@cgan" and run["tags"]["group"] == other["tags"]["group"]
    ]
    assert other["tags"]["group"] == other["tags"]["dvc.exp"] != first["tags"]["group"]
    for run, maker in (
        (first, encoder),
        (first, prior),
        (other, encoder),
        (other, prior),
        (evaluated, other),
    ):
        assert f"/runs/{maker['id']})" in run["tags"]["mlflow.note.content"]
        faces_alone = [] if run is evaluated else ["data/voiceless"]  # the generator's training has them, too
        assert run["data"] == ["data/manifest", *faces_alone]
    steps = {int(path.split("+")[2]) for path in other["images"]}
    assert steps == {30, 60}
    assert {"g/pixel", "effort.items_per_second", "stage_seconds"} <= set(other["metrics"])
    for run in runs:
        assert len(run["metrics"]) <= 40, run["name"]
        assert not [name for name in run["metrics"] if name.startswith(("losses.", "system/"))], run["name"]
    assert "Matching accuracy by sface" in evaluated["tags"]["mlflow.note.content"]


@pytest.mark.skipif(browser.find() is None, reason="no Chromium here")
def test_mlflow_shows_both_experiments_side_by_side(project: Project, tmp_path: Path) -> None:
    first, other = trainings(project)
    chosen = quote(json.dumps([first["id"], other["id"]]))
    with (
        mlflow_ui(project.folder, tmp_path / "ui.log") as address,
        browser.started(tmp_path / "profile", LOOPBACK) as opened,
    ):
        page = browser.opened(
            opened,
            f"{address}/#/compare-runs?runs={chosen}&experiments={quote(json.dumps([first['experiment']]))}",
        )
        text = shown(
            page, first["name"], other["name"], "train.lr", "0.0001", "g/pixel"
        )  # the table below holds the rows that are in sight
        assert DEFAULT_LR in text.split()
        page = browser.opened(opened, f"{address}/#/experiments/{other['experiment']}/runs/{other['id']}")
        shown(page, "The conditional GAN, a face from a voice embedding.", "All runs of", "data/manifest")


def test_without_mlflows_database_every_result_is_as_it_was(project: Project) -> None:
    before = {
        path: (project.folder / path).read_bytes()
        for path in ("dvc.lock", "metrics/summary.json", "metrics/evaluate/cgan.json")
    }
    (project.folder / "mlflow.db").rename(project.folder / "mlflow.db.away")
    assert ran(project.run("-m", "dvc", "repro")) == []
    assert {path: (project.folder / path).read_bytes() for path in before} == before
    (project.folder / "mlflow.db").unlink(missing_ok=True)
    (project.folder / "mlflow.db.away").rename(project.folder / "mlflow.db")


def test_a_killed_training_ends_with_the_same_bytes(project: Project) -> None:
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    params["train"]["steps"] = 150
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    project.run("stages/train.py")
    whole = project.digests("models/cgan")
    assert len(whole) == 3
    shutil.rmtree(project.folder / "models/cgan")
    victim = subprocess.Popen(
        [sys.executable, "stages/train.py"],
        cwd=project.folder,
        env=project.environment,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list((project.folder / ".cache/resume/train").rglob("state.pt")):
        assert victim.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not (project.folder / "models/cgan").exists()
    project.run("stages/train.py")
    assert project.digests("models/cgan") == whole
    assert not list((project.folder / ".cache/resume/train").rglob("state.pt"))


def test_an_unknown_parameter_is_one_clear_line(project: Project) -> None:
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    (project.folder / "params.yaml").write_text(
        yaml.safe_dump({**params, "train": {**params["train"], "learning_rate": 1}})
    )
    done = subprocess.run(
        [sys.executable, "stages/train.py"],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert done.returncode == 1
    assert "train.learning_rate" in done.stderr
    assert "Traceback" not in done.stderr
