"""The commands of docs/experiments-guide.md, typed in order with real DVC and Git, in a project of one small
stage with the names of ours.
 What they do to the real pipeline is in tests/test_pipeline.py; here it is that the guide's way leads where
 it says.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import documents

GUIDE = "docs/experiments-guide.md"
# Pattern of a command -> why it is not typed here.
NOT_RUN = {
    r"mlflow (ui|server) .*": "a server; tests/test_pipeline.py looks at its pages",
    r"export MLFLOW_TRACKING_URI=.*": "speaks to that server",
    r"deepfacegen compare .*": "compares evaluations; tests/report/test_compare.py and "
    "tests/test_typed_commands.py do",
    r"make env": "builds an environment of 6 GB",
}
PIPELINE = """
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [train.lr]
    outs: [models/cgan, {data/evaluate: {push: false}}]
    metrics: [{metrics/train.json: {cache: false}}]
"""
TRAIN = """
import json, pathlib, yaml
lr = yaml.safe_load(pathlib.Path("params.yaml").read_text())["train"]["lr"]
for folder in ("models/cgan", "data/evaluate", "metrics"):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
pathlib.Path("models/cgan/weights").write_text(str(lr))
pathlib.Path("data/evaluate/people").write_text(f"somebody's faces at {lr}")
pathlib.Path("metrics/train.json").write_text(json.dumps({"loss": 2 * lr}))
print("trained at", lr)
"""


class Reader:
    """Somebody at a shell, who types one command after another."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.origin = root, root / "project", root / "deepfacegen.git"
        scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "GIT_"))} | {
            "PATH": scripts,
            "DVC_NO_ANALYTICS": "1",
            **{
                f"GIT_{who}_{what}": "t@example.org"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        self.folder.mkdir()
        for name, text in (
            ("dvc.yaml", PIPELINE),
            ("train.py", TRAIN),
            ("params.yaml", "train:\n  lr: 0.01\n"),
        ):
            (self.folder / name).write_text(text, encoding="utf-8")
        self.type("git init -q -b main && dvc init -q && dvc repro && git add -A && git commit -qm start")
        self.type(
            f"git init -q --bare -b main {self.origin} && git remote add origin {self.origin} "
            "&& git push -q origin main"
        )

    def type(self, text: str) -> str:
        """What it prints; fails unless it ends with exit code 0."""
        done = subprocess.run(
            ["bash", "-ec", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        return done.stdout + done.stderr

    def weights(self) -> str:
        return (self.folder / "models/cgan/weights").read_text()


def in_place(text: str, reader: Reader) -> str:
    """The command with what stands for something of the reader's own filled in."""
    return text.replace("https://example.org/deepfacegen.git", str(reader.origin)).replace("COMMIT", "HEAD")


def afterwards(text: str, told: str, reader: Reader) -> None:
    """What the guide promises of a command; and what a reader does beside them."""
    if text.startswith("dvc exp run --queue"):
        assert all(name in told for name in ("lr-1", "lr-2", "lr-3"))
    elif text == "dvc queue start":
        until = time.monotonic() + 300
        while (rows := reader.type("dvc queue status")).count("Success") < 3:
            assert "Failed" not in rows, rows
            assert time.monotonic() < until, rows
            time.sleep(1)
        assert json.loads((reader.folder / "metrics/train.json").read_text()) == {"loss": 2e-4}, (
            "the workspace stays as the experiment before left it"
        )
    elif text == "dvc queue logs lr-2":
        assert "trained at 0.001" in told
    elif text.startswith("dvc metrics diff"):
        assert "0.002" in told
        assert "0.0006" in told
    elif text == "dvc exp apply lr-2":
        assert reader.weights() == "0.001"
    elif text.startswith("dvc exp branch"):
        assert text.rsplit(maxsplit=1)[-1] in reader.type("git branch --list")
    elif text.startswith("dvc remote add"):
        reader.type(
            f"dvc remote modify storage url {reader.root / 'storage'}"
        )  # a folder in place of the bucket, which is another host
    elif text == "cd deepfacegen":
        reader.folder /= "deepfacegen"
        assert not (reader.folder / "models/cgan").exists()
    elif text == "git checkout rate-of-lr-2":
        (reader.folder / "models/cgan/weights").unlink()
    elif text.startswith("dvc pull"):
        assert reader.weights() == "0.001"
        assert not (reader.folder / "data/evaluate/people").exists()
    elif text.startswith("dvc exp list"):
        assert "lr-2" in told


def skipped(text: str) -> bool:
    return any(re.fullmatch(pattern, text) for pattern in NOT_RUN)


@pytest.mark.dvc
def test_the_guide_leads_where_it_says(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for command in documents.commands(GUIDE):
        if not skipped(command.text):
            afterwards(command.text, reader.type(in_place(command.text, reader)), reader)


@pytest.mark.parametrize("pattern", NOT_RUN)
def test_what_is_not_typed_is_still_written(pattern: str) -> None:
    assert any(re.fullmatch(pattern, command.text) for command in documents.commands(GUIDE))
