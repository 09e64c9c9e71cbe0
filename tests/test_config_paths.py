"""Paths of params.yaml lead to the same place from a temporary workspace of DVC as from the project
itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
import yaml
from PIL import Image

from deepfacegen.config.paths import located
from deepfacegen.config.schema import Config, from_dict
from deepfacegen.data.download.folders import folder, roots
from deepfacegen.data.manifest import splits
from deepfacegen.data.sources import join
from deepfacegen.data.sources.roots import faces_root, voices_root
from deepfacegen.errors import UserError
from deepfacegen.evaluation import attribute_labels

ROOT = Path(__file__).parents[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository; the current folder is a temporary workspace of it, as DVC makes them."""
    repository = tmp_path / "repository"
    workspace = repository / ".dvc/tmp/exps/tmpabc"
    workspace.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(repository))
    monkeypatch.chdir(workspace)
    return repository


def test_in_a_temporary_workspace_paths_start_at_the_repository(home: Path) -> None:
    assert located("my_people") == home / "my_people"
    assert located(Path("../shared/people")) == home / "../shared/people"
    assert located("/mnt/people") == Path("/mnt/people")
    assert located("~/people") == Path.home() / "people"


def test_a_file_of_the_experiment_is_its_own_version(home: Path) -> None:
    (home / "splits.csv").write_text("as it is now")
    Path("splits.csv").write_text("as it was queued")
    (home / "people").mkdir()
    Path("people").mkdir()
    Path("people/people.csv").write_text("tracked, while the recordings beside it are not")
    assert located("splits.csv").read_text() == "as it was queued"
    assert located("people") == home / "people"


@pytest.mark.parametrize("where", ["the project", "another project's stage", "by hand"])
def test_elsewhere_a_relative_path_stays_as_it_was_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, where: str, tmp_path: Path
) -> None:
    monkeypatch.chdir(home)
    if where == "another project's stage":
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / "outer"))
    elif where == "by hand":
        monkeypatch.delenv("DVC_ROOT")
    assert located("my_people") == Path("my_people")


def test_a_cache_folder_that_is_a_link_is_still_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch/exps/tmpabc").mkdir(parents=True)
    (tmp_path / "repository/.dvc").mkdir(parents=True)
    (tmp_path / "repository/.dvc/tmp").symlink_to(tmp_path / "scratch")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "repository"))
    monkeypatch.chdir(tmp_path / "scratch/exps/tmpabc")
    assert located("my_people") == tmp_path / "repository/my_people"


FOLDER = from_dict({"data": {"source": "folder", "root": "there", "metadata": "there"}})
VOX = from_dict(
    {"data": {"source": "voxceleb2", "voices_root": "there", "faces_root": "there", "metadata": "there"}}
)
ONE = pd.DataFrame({"identity_id": ["a"]})


def read_with(**data: Any) -> object:
    Path("vox2_meta.csv").write_text("VoxCeleb2 ID,VGGFace2 ID,Gender,Set\nid00012,n000012,m,dev\n")
    return join.read(replace(VOX.data, **data), Path("vox2_meta.csv"))


# Parameter -> what returns, or names in its error, the path to which the value "there" leads.
USES: dict[str, Callable[[], Any]] = {
    "data.root": lambda: voices_root(FOLDER, Path("raw")),
    "data.voices_root": lambda: voices_root(VOX, Path("raw")),
    "data.faces_root": lambda: faces_root(VOX, Path("raw")),
    "data.metadata": lambda: roots(VOX).metadata,
    "data.same_people": lambda: read_with(same_people="there"),
    "data.enrichment": lambda: read_with(enrichment="there"),
    "download.folder": lambda: folder(from_dict({"download": {"folder": "there"}})),
    "split.file": lambda: splits.assign(ONE, replace(Config().split, rule="file", file="there")),
    "cyclegan.attributes_file": lambda: attribute_labels.table(
        replace(Config().cyclegan, attributes_from="celeba", attributes_file="there", attributes="male"),
        SimpleNamespace(faces=pd.DataFrame({"photo_id": ["a"]})),  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        Path("raw"),
    ),
}
NOT_CALLED = {"data.face_hints", "data.photos_root", "evaluate.trial_lists"}  # read amid a whole stage


@pytest.mark.parametrize("key", USES)
def test_every_path_is_sought_in_the_repository(home: Path, key: str) -> None:
    try:
        found = str(USES[key]())
    except UserError as error:
        found = str(error)
    assert str(home / "there") in found


def test_nothing_fetched_is_fetched_again_in_a_temporary_workspace(home: Path) -> None:
    assert folder(Config()) == home / "downloads"


def test_no_parameter_that_names_a_path_is_left_out() -> None:
    texts = [
        (f"{s.name}.{f.name}", f)
        for s in fields(Config)
        for f in fields(cast(Any, s.default))
        if f.type == "str | None"
    ]
    named = {
        key for key, field in texts if re.search(r"\b(folder|csv|file|txt)\b|where", field.metadata["doc"])
    }
    assert named == USES.keys() | NOT_CALLED


def test_no_parameter_is_made_a_path_past_that_place() -> None:
    keys = "|".join(key.split(".")[1] for key in (*USES, *NOT_CALLED))
    past = re.compile(
        rf"\bPath\((str\()?[\w.]*(config|settings|data|download|split|cyclegan|evaluate)\.({keys})\b"
    )
    found = {
        str(path)
        for part in ("src", "stages")
        for path in (ROOT / part).rglob("*.py")
        if past.search(path.read_text(encoding="utf-8"))
    }
    assert not found


PIPELINE = """
stages:
  download:
    cmd: python stages/download.py
    deps: [stages/download.py]
    params: [data, sample, download]
    outs: [data/raw/voices, data/raw/faces, data/raw/meta]
    metrics: [{metrics/download.json: {cache: false}}]
"""


def make_people(root: Path) -> None:
    for name in ("Ann", "Bob", *(f"Person {number}" for number in range(9))):
        (root / name).mkdir(parents=True)
        Image.new("RGB", (64, 64)).save(root / name / "me.jpg")
        with wave.open(str(root / name / "hello.wav"), "wb") as sound:
            sound.setparams((1, 2, 16000, 0, "NONE", ""))
            sound.writeframes(bytes(32000))
    (root / "people.csv").write_text("person,gender\nAnn,f\nBob,m\n", encoding="utf-8")


@pytest.mark.dvc
def test_experiments_in_copies_of_the_project_find_the_same_people(tmp_path: Path) -> None:
    """With real DVC: as it is, with --temp and from the queue, of a folder that Git does not know."""
    project = tmp_path / "project"
    (project / "stages").mkdir(parents=True)
    shutil.copy(ROOT / "stages/download.py", project / "stages")
    make_people(project / "people")
    parameters = yaml.safe_dump(
        {
            "data": {"source": "folder", "root": "people", "limit_identities": None},
            "sample": {},
            "download": {},
        }
    )
    (project / "params.yaml").write_text(parameters, encoding="utf-8")
    (project / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (project / ".gitignore").write_text("/people\n/data\n", encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "GIT_"))} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "DVC_NO_ANALYTICS": "1",
        "DEEPFACEGEN_TRACKING": "off",
        **{
            f"GIT_{who}_{what}": "t@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }

    def run(text: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", text], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        return done.stdout

    def stored(name: str, path: str) -> str:
        ref = f"$(git for-each-ref --format='%(refname)' | grep -- '/{name}$' | cut -d/ -f3-)"
        return run(f"git show refs/exps/{ref}:{path}")

    run(
        "git init -q -b main && dvc init -q && git add -A && git commit -qm start && "
        "dvc repro -q && git add -A && git commit -qm run"
    )
    here = {
        name: (project / name).read_text(encoding="utf-8") for name in ("metrics/download.json", "dvc.lock")
    }
    assert json.loads(here["metrics/download.json"])["identities"]["listed"] == 11
    run(
        "dvc exp run -q --temp -f -n in-a-copy && "
        "dvc exp run -q --queue -f -n queued -S data.limit_identities=10 && dvc exp run -q --run-all"
    )
    assert {name: stored("in-a-copy", name) for name in here} == here
    assert json.loads(stored("queued", "metrics/download.json"))["identities"]["listed"] == 10
    assert stored("in-a-copy", "params.yaml") == parameters
    assert str(project) not in stored("queued", "metrics/download.json") + stored("queued", "dvc.lock")
