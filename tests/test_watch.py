"""Folders of one's own through real DVC: a plain `dvc repro` notices what changed in them, and the sample
people need none of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deepfacegen.config.schema import load, to_dict

ROOT = Path(__file__).resolve().parents[1]


class Project:
    """The repository's first stages in a folder of their own, with ten people's files beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.people = folder, folder / "my_people"
        for name in ("stages", "src/deepfacegen", "watched", ".dvc"):
            ignored = shutil.ignore_patterns("__pycache__", "*.json", "cache", "tmp", "config.local")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        shutil.copy(ROOT / ".gitignore", folder)
        stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
        kept = {name: stages[name] for name in ("watch", "download")}
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}), encoding="utf-8")
        everybody = ("Ann", "Bob", *(f"Person {number}" for number in range(8)))
        for name in (f"{person}/{file}" for person in everybody for file in ("hello.wav", "me.jpg")):
            (self.people / name).parent.mkdir(parents=True, exist_ok=True)
            (self.people / name).write_bytes(b"12345")
        self.watch(["root"])
        for words in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "start"],
        ):
            subprocess.run(["git", *words], cwd=folder, check=True)

    def watch(self, folders: list[str]) -> None:
        params = to_dict(load(ROOT / "params/folder.yaml")) | {"watch": {"folders": folders}}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")

    def dvc(self, *words: str) -> str:
        names = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("DVC_", "MLFLOW_", "DEEPFACEGEN_"))
        }
        here = {
            "PYTHONPATH": str(self.folder / "src"),
            "DVC_NO_ANALYTICS": "1",
            "DEEPFACEGEN_TRACKING": "off",
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words],
            cwd=self.folder,
            env={**names, **here, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def repro(self) -> list[str]:
        return re.findall(r"Running stage '([^']+)'", self.dvc("repro"))

    def changed(self) -> set[str]:
        """What Git sees that is not committed."""
        found = subprocess.run(
            ["git", "status", "--short", "-uall"], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout
        return {line.split()[-1] for line in found.splitlines()}

    def digests(self) -> list[str]:
        outs = yaml.safe_load((self.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]["download"][
            "outs"
        ]
        return [out["md5"] for out in outs if out["path"] in ("data/raw/voices", "data/raw/faces")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("watch"))


def test_a_plain_repro_notices_what_changed_in_a_watched_folder(project: Project) -> None:
    assert project.repro() == ["watch@root", "download"]
    assert project.changed() == {
        "dvc.lock",
        "metrics/download.json",
    }  # what was seen is ignored, and DVC writes no .gitignore
    faces, voices = project.digests()

    assert project.repro() == ["watch@root"]  # looks, and that is all
    assert project.digests() == [faces, voices]
    assert project.dvc("status").split() == ["watch@root:", "always", "changed"]

    (project.people / "Bob/new.jpg").write_bytes(b"12345")
    assert project.repro() == ["watch@root", "download"]
    assert project.digests() == [project.digests()[0], voices]
    assert project.digests()[0] != faces

    replaced = project.people / "Ann/hello.wav"  # of the same size
    os.utime(replaced, (1_000_000, 1_000_000))
    assert project.repro() == ["watch@root", "download"]
    assert project.digests()[1] != voices


def test_without_it_nothing_is_looked_at_and_the_status_is_clean(project: Project) -> None:
    """As for the sample people, whose params.yaml has an empty list. What had been seen is forgotten when
    `download` runs next."""
    project.watch(["root"])
    project.repro()
    project.watch([])
    (project.people / "Cyd").mkdir()
    assert project.repro() == []
    assert "up to date" in project.dvc("status")
    project.dvc("repro", "-f", "download")
    assert {path.name for path in (project.folder / "watched").iterdir()} == {".gitignore"}
    assert project.repro() == []
    assert "up to date" in project.dvc("status")


def test_the_sample_people_are_not_watched() -> None:
    assert yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["watch"] == {"folders": []}
    assert yaml.safe_load((ROOT / "params/folder.yaml").read_text(encoding="utf-8"))["watch"] == {
        "folders": ["root"]
    }
