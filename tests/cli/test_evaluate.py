"""`deepfacegen evaluate`: through a real DVC, never around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepfacegen.cli.main import main
from tests.shared import stub


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = stub.project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def status(folder: Path) -> str:
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", "status", "evaluate@pins"]
    return subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


def test_dvc_runs_the_stage_once_and_knows_its_outs(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "pins"]) == 0
    result = capfd.readouterr()
    assert "91.0 [89.0, 93.0]" in result.out
    assert "evaluating pins" in result.err
    assert "evaluating" not in result.out
    assert "up to date" in status(project)
    assert main(["evaluate", "pins"]) == 0
    assert (project / "ran.txt").read_text().split() == ["pins"]
    assert main(["evaluate", "pins", "--force"]) == 0
    assert (project / "ran.txt").read_text().split() == ["pins", "pins"]


def test_unseen_stands_beside_seen(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "cgan"]) == 0
    told = capfd.readouterr().out
    assert "no trials" not in told
    lines = {line.split("  ")[0]: line for line in told.splitlines()}
    head = next(line for name, line in lines.items() if name == "cgan, judge sface")
    assert (
        head.index("unseen, ungrouped")
        < head.index("unseen, grouped")
        < head.index("seen, ungrouped", head.index("unseen, grouped") + 8)
    )
    cells = ["81.0", "71.0", "83.0", "73.0"]
    assert [part.split()[0] for part in lines["cosine"].split("  ")[1:] if part.strip()] == cells
    assert "83.0 [81.0, 85.0]" in lines["centred cosine"]
    assert "73.0" in lines["knows the gender only"]


def test_json_is_all_of_stdout(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "cgan", "--json"]) == 0
    result = json.loads(capfd.readouterr().out)
    assert result["metrics"] == "metrics/evaluate/cgan.json"
    assert result["judge"] == "sface"
    assert result["matching"] == stub.metrics()["cgan"]["matching"]["voice_to_face"]
    assert set(result) == {"system", "metrics", "judge", "matching", "matching_centred", "oracle"}


def test_who_was_not_asked_is_a_dash(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody's gender is known among the people whom pins was asked about."""
    assert main(["evaluate", "pins"]) == 0
    lines = capfd.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("own comparison"))
    assert "-: no trials, for no two of these people are listed with one gender" in lines
    assert [part.strip() for part in row.split("  ") if part.strip()] == [
        "own comparison",
        "91.0 [89.0, 93.0]",
        "-",
        "93.0 [91.0, 95.0]",
        "-",
    ]


def test_a_refiner_is_told_beside_interpolation(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "cyclegan"]) == 0
    row = next(line for line in capfd.readouterr().out.splitlines() if line.startswith("PSNR"))
    assert row.split()[2:] == ["26.0", "27.0", "28.0"]


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("paint", "paint: no stage evaluates such a system (known: cgan, cyclegan, pins, untrained)"),
        ("untrained", "models/untrained: no trained model"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(
    project: Path, capfd: pytest.CaptureFixture[str], system: str, message: str
) -> None:
    assert main(["evaluate", system]) == 1
    result = capfd.readouterr()
    assert result.err.startswith(f"deepfacegen: {message}")
    assert result.err.count("\n") == 1
    assert not (project / "ran.txt").exists()


def test_a_stage_that_fails_fails_the_command(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "models/pins/given.json").unlink()
    assert main(["evaluate", "pins"]) == 1
    result = capfd.readouterr()
    assert result.out == ""
    assert "given.json" in result.err
    assert result.err.splitlines()[-1].startswith(
        "deepfacegen: dvc repro --single-item evaluate@pins ended with exit code"
    )


def test_outside_a_project_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "pins"]) == 1
    assert (
        capsys.readouterr().err
        == "deepfacegen: dvc.yaml: no such file; run this in the folder of the project\n"
    )
    (tmp_path / "dvc.yaml").write_text("stages: [", encoding="utf-8")
    assert main(["evaluate", "pins"]) == 1
    assert capsys.readouterr().err == "deepfacegen: dvc.yaml: not a pipeline of DVC\n"
