"""`stages/train.py` under torchrun, as a user starts it: one log, one model, one MLflow run; and what is left
when a process is killed."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch
import yaml

from deepfacegen.config.schema import PriorConfig
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.prior import prior
from tests.shared.priors import tiny_prior

ROOT = Path(__file__).parents[2]
COMMAND = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node=2",
    str(ROOT / "stages/train.py"),
]
STEPS = 150
PARAMS = {
    "faces": {"size_px": 64},
    "train": {"steps": STEPS, "batch": 8, "adversary_from": 10, "checkpoint_every": 25, "sample_every": 75},
}
pytestmark = [pytest.mark.torchrun, pytest.mark.xdist_group("torchrun")]


class Project:
    """A folder with a tiny prepared data set, a voice encoder, a prior and parameters."""

    def __init__(self, folder: Path, corpus: Path) -> None:
        self.folder = folder
        (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
        (folder / "dvc.yaml").touch()
        for name in ("audio", "faces", "manifest"):
            shutil.copytree(corpus / name, folder / "data" / name)
        torch.manual_seed(0)
        network = {"architecture": "ecapa", "normalisation": "level", "dim": 64, "channels": 16}
        speaker.store.save(
            folder / "models/voice", {"network": network}, encoder=VoiceModel(dim=64, channels=16).encoder
        )
        prior.save(folder / "models/prior", PriorConfig(), tiny_prior(), [])
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "DEEPFACEGEN_"))}
        self.environment = {**kept, "DEEPFACEGEN_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
        # Where Python is told to keep no bytecode, each of a dozen processes would spend most of its time on
        # compiling the same libraries.
        if self.environment.pop("PYTHONDONTWRITEBYTECODE", ""):
            self.environment["PYTHONPYCACHEPREFIX"] = str(folder.with_name("bytecode"))

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        """The launcher; a test that fails leaves no process behind."""
        process = subprocess.Popen(
            COMMAND,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=60)

    def run(self) -> str:
        """Both streams of a run that must end well."""
        with self.started() as process:
            out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err[-3000:]
        sent = "from deepfacegen.tracking import sender; assert not sender.finished(120)"
        subprocess.run([sys.executable, "-c", sent], cwd=self.folder, env=self.environment, check=True)
        return out + err

    def run_and_kill(self, rank: int) -> str:
        """What is told by a run one process of which is killed once there is a resume point newer than any
        before."""
        before = self.resume_point()
        with self.started() as process:
            deadline = time.monotonic() + 120
            while self.resume_point() == before:
                assert process.poll() is None, process.communicate()[1][-3000:]
                assert time.monotonic() < deadline
                time.sleep(0.02)
            (victim,) = (
                child
                for child in psutil.Process(process.pid).children()
                if child.environ().get("RANK") == str(rank)
            )
            victim.send_signal(signal.SIGKILL)
            told = process.communicate(timeout=60)[1]
        assert process.returncode != 0
        assert not psutil.pid_exists(victim.pid)
        return told

    def resume_point(self) -> dict[Path, int]:
        return {
            path: path.stat().st_mtime_ns for path in (self.folder / ".cache/resume/train").rglob("state.pt")
        }

    def files(self) -> set[str]:
        """What is there besides inputs and the tracker's store."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return {
            path.as_posix()
            for path in found
            if path.parts[0]
            not in {
                *("data", "mlartifacts", "mlflow.db", "mlflow.db.lock", "mlflow-unsent"),
                *("params.yaml", "dvc.yaml"),
            }
        }

    def digests(self) -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.folder / "models/cgan").iterdir())
        }

    def tracked(self) -> list[tuple[str, str]]:
        """(status, stage) of every run in the tracker's store, oldest first."""
        program = (
            "import json, mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db');"
            "found = mlflow.search_runs(search_all_experiments=True, order_by=['start_time']);"
            "print(json.dumps(found[['status', 'tags.dvc.stage']].values.tolist()))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.folder,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return [tuple(run) for run in json.loads(done.stdout.splitlines()[-1])]


@pytest.fixture(scope="module")
def project(corpus, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"), corpus.folder)


@pytest.fixture(scope="module")
def whole(project: Project) -> str:
    """What a run told that nothing disturbed."""
    return project.run()


MODEL = {
    f"models/cgan/{name}"
    for name in ("condition.safetensors", "config.json", "discriminator.safetensors", "generator.safetensors")
}
CURVES = {
    "metrics/plots/train/curves.csv",
    "metrics/plots/train/samples/000075.png",
    "metrics/plots/train/samples/000150.png",
}
INPUTS = {
    f"models/{name}"
    for name in (
        *("voice/config.json", "voice/encoder.safetensors", "prior/config.json"),
        *(f"prior/{part}.safetensors" for part in prior.PARTS),
    )
}


def test_one_process_talks_and_writes_for_all(project: Project, whole: str) -> None:
    ours = [line for line in whole.splitlines() if "OMP_NUM_THREADS" not in line and line.strip("* ")]
    ours = [
        line for line in ours if not re.match(r"train: \d+ of \d+, ", line)
    ]  # progress, which a slow machine tells every 15 s
    assert len(ours) == 1, ours
    assert ours[0].startswith("train: ")
    assert "; weights in models/cgan (" in ours[0]
    assert project.files() == MODEL | CURVES | INPUTS | {"metrics/train.json"}
    assert project.tracked() == [("FINISHED", "train")]


def test_metrics_and_curves_are_of_the_whole_batch(project: Project, whole: str) -> None:
    told = json.loads((project.folder / "metrics/train.json").read_text())
    assert told["effort"] == {"steps": STEPS}
    with contextlib.closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        cost = dict(database.execute("SELECT key, value FROM latest_metrics WHERE key LIKE 'effort.%'"))
    assert cost["effort.items_per_second"] == pytest.approx(STEPS * 8 / cost["effort.seconds"], rel=0.05)
    with (project.folder / "metrics/plots/train/curves.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [int(row["step"]) for row in rows] == list(range(25, STEPS + 1, 25))
    assert told["losses"]["g/pixel"] == pytest.approx(
        sum(float(row["g/pixel"]) for row in rows[-5:]) / 5, abs=2e-6
    )


def test_a_run_whose_processes_are_killed_ends_with_the_same_bytes(project: Project, whole: str) -> None:
    """First one, then the other, each in the middle of training; the command is the same every time."""
    expected = project.digests()
    shutil.rmtree(project.folder / "models/cgan")
    (project.folder / "metrics/train.json").unlink()
    for rank in (1, 0):
        told = project.run_and_kill(rank)
        assert "SIGKILL" in told
        assert len(project.resume_point()) == 1
        assert not MODEL & project.files()
        assert "metrics/train.json" not in project.files()
    told = project.run()
    assert told.count("resuming from") == 1
    assert project.digests() == expected
    assert project.resume_point() == {}
    assert (
        project.tracked() == [("FINISHED", "train")] * 2
    )  # the undisturbed one, and one for the three parts of the other
