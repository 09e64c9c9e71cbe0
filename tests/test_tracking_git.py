"""A run's tag `git.dirty`, with real Git and DVC: true for what somebody edited, not for what the pipeline
itself writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deepfacegen.tracking import tags

ROOT = Path(__file__).parents[1]
# Two stages, so that the second runs after the first has written its metrics, as in ours; each notes the tags
# that a run would have.
PIPELINE = """
stages:
  audio:
    cmd: python note.py audio
    deps: [note.py]
    params: [audio.seed]
    outs: [data/audio]
    metrics: [{metrics/audio.json: {cache: false}}]
    plots: [metrics/plots/audio]
  train:
    cmd: python note.py train
    deps: [note.py, data/audio]
    outs: [models/train]
    metrics: [{metrics/train.json: {cache: false}}]
"""
NOTE = """
import json, pathlib, sys
from deepfacegen.tracking import tags
name = sys.argv[1]
out = pathlib.Path("data/audio" if name == "audio" else "models/train")
found = tags.of_stage(name)
for folder in (out, pathlib.Path("metrics/plots/audio")):
    folder.mkdir(parents=True, exist_ok=True)
(out / "made").write_text(pathlib.Path("params.yaml").read_text())
pathlib.Path("metrics/plots/audio/a.png").write_text("")
loss = len(list(pathlib.Path("runs").glob("*")))
pathlib.Path(f"metrics/{name}.json").write_text(json.dumps({"loss": loss}))
pathlib.Path(f"runs/{name}").write_text(found.get("git.dirty", "no commit"))
"""


class Clone:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in {
            "dvc.yaml": PIPELINE,
            "note.py": NOTE,
            "params.yaml": "audio:\n  seed: 1\n",
            "README.md": "About.\n",
            ".gitignore": "/data/\n/models/\n/metrics/plots/\n/runs/\n",
        }.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "runs").mkdir()
        self.type("git init -q -b main && dvc init -q && dvc repro -q && git add -A && git commit -qm start")

    def type(self, text: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "GIT_"))} | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "DVC_NO_ANALYTICS": "1",
            **{
                f"GIT_{who}_{what}": "t@example.org"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        done = subprocess.run(
            ["bash", "-ec", text],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        return done.stdout

    def dirty(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.folder / "runs").iterdir()}


@pytest.mark.dvc
def test_what_dvc_rewrites_is_not_an_edit_and_all_else_is(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    clone.type("dvc repro -q -f")
    assert clone.dirty() == {"audio": "false", "train": "false"}
    assert "metrics/audio.json" in clone.type("git status --porcelain"), "the run did change tracked files"
    clone.type("git commit -qam again && echo 'audio: {seed: 2}' > params.yaml && dvc repro -q")
    assert clone.dirty() == {"audio": "true", "train": "true"}
    clone.type("git commit -qam another && echo more >> README.md && dvc repro -q -f")
    assert clone.dirty() == {"audio": "true", "train": "true"}


def test_all_that_the_pipeline_writes_is_known_to_be_rewritten_or_not_tracked() -> None:
    written = set()
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values():
        entry = stage.get("do", stage)
        for kind in ("outs", "metrics", "plots"):
            written |= {next(iter(out)) if isinstance(out, dict) else out for out in entry.get(kind, [])}
    ignored = [
        line.strip("/\n")
        for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("/")
    ]
    left = {
        path
        for path in written
        if not path.startswith(tuple(f"{top}/" for top in ignored)) and path not in ignored
    }
    listed = (ROOT / "watched/.gitignore").read_text(encoding="utf-8").split()
    left -= {path for path in left if path.startswith("watched/") and f"/*{Path(path).suffix}" in listed}
    assert left
    assert all(path.startswith("metrics/") for path in left)
    assert tags.REWRITTEN == ("dvc.lock", "metrics")


def test_a_commit_elsewhere_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of files is read without taking the lock of Git's index."""
    for words in (
        ["init", "-q"],
        [
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "start",
        ],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / ".git/index.lock").touch()
    monkeypatch.chdir(tmp_path)
    assert tags.of_stage("train")["git.dirty"] == "false"
