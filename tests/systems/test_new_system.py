"""docs/new-system.md: what it shows becomes a system by the lines it names, and matches unseen people."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.systems import new_system

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "docs/new-system.md").read_text(encoding="utf-8")
FILE, PARAMETERS = re.findall(r"^```python\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
(SETTINGS,) = re.findall(r"^```yaml\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
LINES = dict(re.findall(r"^\| (.+?) \| `(.+)` \|$", SECTION, re.MULTILINE))  # where -> what


def put(path: Path, *added: tuple[str, str]) -> None:
    """Text behind other text, which is in the file once."""
    source = path.read_text(encoding="utf-8")
    for behind, text in added:
        assert source.count(behind) == 1, f"{path.name}: {behind!r} is there {source.count(behind)} times"
        source = source.replace(behind, behind + text)
    path.write_text(source, encoding="utf-8")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with the section done as it says."""
    source = tmp_path_factory.mktemp("new") / "src"
    inside = Path(
        shutil.copytree(
            ROOT / "src/deepfacegen", source / "deepfacegen", ignore=shutil.ignore_patterns("__pycache__")
        )
    )
    (inside / "systems/ridge").mkdir()
    (inside / "systems/ridge/__init__.py").touch()
    (inside / "systems/ridge/train.py").write_text(FILE, encoding="utf-8")
    put(
        inside / "config/baselines.py",
        ("from deepfacegen.config.fields import ConfigError, param\n", f"\n\n{PARAMETERS}"),
    )
    of_config, of_registry = (
        LINES["`config/schema.py`, the imports and `class Config`"],
        LINES["`systems/registry.py`, `BASELINES`"],
    )
    put(
        inside / "config/schema.py",
        ("config.baselines import ", "RidgeConfig, "),
        ("FaceConfig = FaceConfig()\n", f"    {of_config}\n"),
    )
    put(inside / "systems/registry.py", ("BASELINES = (", f"{of_registry}, "))
    return source


@pytest.fixture(scope="module")
def outcome(package: Path, corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    scratch = tmp_path_factory.mktemp("scratch")
    command = [
        sys.executable,
        new_system.__file__,
        "ridge",
        json.dumps({"strength": 0.1}),
        str(corpus.folder),
        str(scratch),
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(package),
        "OMP_NUM_THREADS": "1",
        "DEEPFACEGEN_DEVICE": "cpu",
    }
    done = subprocess.run(
        command, env=environment, cwd=scratch, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_it_is_trained_stored_and_known_to_the_evaluation(outcome: dict[str, Any]) -> None:
    assert outcome["config"]["params"] == {"strength": 0.1}
    assert outcome["config"]["trained_on"] == [f"id{i}" for i in (0, 2, 4, 5, 7, 9)]
    assert outcome["kinds"] == [True, False]
    assert set(outcome["metrics"]["models"]) == {"voice.encoder", "face.network", "ridge.network"}
    assert outcome["curves"][0] == {}
    assert set(outcome["curves"][1]) == {"steps", "seconds", "items_per_second", "waited_share"}


def test_it_matches_seen_and_unseen_people(outcome: dict[str, Any], corpus) -> None:
    """Voices of the tiny corpus differ in pitch and its faces in colour, both evenly from person to
    person."""
    scores = np.array(outcome["scores"])
    assert (outcome["dtype"], scores.shape) == ("float32", (30, 30))
    person = corpus.manifest.clips["identity_id"].to_numpy(dtype=object)
    assert (person == corpus.manifest.faces["identity_id"].to_numpy(dtype=object)).all(), (
        "three clips and three photos of each, in one order"
    )
    for split, population, least in (("train", "seen", 0.85), ("test", "unseen", 0.7)):
        here = np.array(outcome["split"]) == split
        part, same = scores[np.ix_(here, here)], person[here][:, None] == person[here][None]
        right = np.mean([np.mean(row[own][:, None] > row[~own]) for row, own in zip(part, same, strict=True)])
        accuracy = outcome["metrics"]["matching"]["voice_to_face"][population]["ungrouped"]["accuracy"]
        assert min(right, accuracy) > least
        assert accuracy == pytest.approx(right, abs=0.1), "trials are a sample of all choices of two"


def test_the_parameters_are_explained_as_the_file_of_parameters_has_to(outcome: dict[str, Any]) -> None:
    assert yaml.safe_load(SETTINGS) == {"ridge": outcome["default"]}
    (line,) = SETTINGS.splitlines()[1:]
    assert f'"{line.split("# ")[1]}"' in PARAMETERS


def test_the_pipeline_takes_it_by_the_lines_that_are_named() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert set(LINES) == {
        "`config/schema.py`, the imports and `class Config`",
        "`systems/registry.py`, `BASELINES`",
        "`dvc.yaml`, `matrix` of `baseline`",
        "`dvc.yaml`, `foreach` of `evaluate`",
    }
    assert LINES["`dvc.yaml`, `matrix` of `baseline`"] == "ridge"
    systems = stages["baseline"]["matrix"]["system"]
    new = yaml.safe_load(LINES["`dvc.yaml`, `foreach` of `evaluate`"])
    assert new.keys() == {"ridge"}
    assert set(new.values()) == {stages["evaluate"]["foreach"][name] for name in systems}, (
        "it stands on what the others do"
    )


def test_the_code_is_in_the_house_style(package: Path) -> None:
    for words in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        command = [
            str(Path(sys.executable).parent / "ruff"),
            *words,
            "--config",
            str(ROOT / "pyproject.toml"),
            str(package / "deepfacegen/systems/ridge/train.py"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
