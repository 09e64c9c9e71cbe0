"""Paths of the user's are refused where the pipeline empties folders, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepfacegen.config.apart import EMPTIED, require_apart
from deepfacegen.config.schema import ConfigError, from_dict

ROOT = Path(__file__).parents[1]
VOXCELEB = {"source": "voxceleb2", "voices_root": "vox", "faces_root": "vgg", "metadata": "vox2_meta.csv"}
FETCHED = {"sets": ["vox2_test_aac"]}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.delenv("DVC_ROOT", raising=False)


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ({"data": {**VOXCELEB, "voices_root": "data/raw"}}, "data.voices_root"),
        ({"data": {**VOXCELEB, "faces_root": "data/faces"}}, "data.faces_root"),
        ({"data": {**VOXCELEB, "metadata": "data/raw/meta"}}, "data.metadata"),
        ({"data": {"source": "folder", "root": "mine", "metadata": "report/people.csv"}}, "data.metadata"),
        ({"data": {"source": "voxceleb2"}, "download": {**FETCHED, "folder": "data/raw"}}, "download.folder"),
        ({"data": {"source": "voxceleb2"}, "download": {**FETCHED, "folder": "data"}}, "download.folder"),
        ({"data": {"photos_root": "data/voiceless"}}, "data.photos_root"),
        ({"data": {"photos_root": "data"}}, "data.photos_root"),
        ({"split": {"rule": "file", "file": "data/manifest/splits.csv"}}, "split.file"),
    ],
)
def test_what_would_be_removed_is_refused(raw: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"the pipeline empties .*, and change {re.escape(key)}$"):
        require_apart(from_dict(raw))


@pytest.mark.parametrize(
    "root", ["mine", "data/mine", "data/raw/mine", ".", "..", "/", "database", "models2"]
)
def test_what_stays_is_not(root: str) -> None:
    require_apart(from_dict({"data": {"source": "folder", "root": root}}))
    require_apart(from_dict({"data": {"photos_root": root}}))
    require_apart(from_dict({"data": {**VOXCELEB, "voices_root": root, "faces_root": root}}))


def test_those_of_the_repository_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a temporary workspace of DVC."""
    workspace = tmp_path / "project/.dvc/tmp/exps/tmpabc"
    workspace.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))
    monkeypatch.chdir(workspace)
    with pytest.raises(ConfigError, match="the pipeline empties data/raw/voices"):
        require_apart(from_dict({"data": {"source": "folder", "root": "data/raw"}}))
    require_apart(from_dict({"data": {"source": "folder", "root": "my_people"}}))


def test_every_folder_that_a_stage_writes_is_known() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage in stages.values():
        body = stage.get("do", stage)
        for out in (*body.get("outs", ()), *body.get("metrics", ()), *body.get("plots", ())):
            path = next(iter(out)) if isinstance(out, dict) else out
            assert any(Path(path).is_relative_to(folder) for folder in EMPTIED), path


def test_dvc_leaves_it_to_the_first_stage_to_empty_its_folders() -> None:
    outs = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["download"]["outs"]
    folders = {path: options for out in outs for path, options in out.items() if path.startswith("data/")}
    assert len(folders) == 3
    assert all(options["persist"] for options in folders.values())
