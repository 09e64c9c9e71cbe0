"""A real Git and DVC repository with runs to compare: two commits, an experiment, and a workspace that
differs from all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.report import made

PIPELINE = """\
stages:
  evaluate:
    cmd: "true"
    params: [train, evaluate]
    metrics:
      - metrics/evaluate/cgan.json: {cache: false}
"""
PARAMS: dict[str, Any] = {"train": {"lr": 0.001, "steps": 1500}, "evaluate": {"seed": 13}}
RUNS = {"first": made.evaluated(1), "second": made.evaluated(2, 0.02), "tuned": made.evaluated(3, -0.1)}


def sh(folder: Path, *words: str) -> str:
    env = {
        **os.environ,
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


def state(folder: Path, metrics: dict[str, Any], **train: Any) -> None:
    """Metrics and parameters as a run of the pipeline leaves them."""
    (folder / "metrics/evaluate/cgan.json").write_text(json.dumps(metrics), encoding="utf-8")
    (folder / "params.yaml").write_text(
        json.dumps({**PARAMS, "train": {**PARAMS["train"], **train}}), encoding="utf-8"
    )


def repository(folder: Path) -> Path:
    """Tags `empty` (nothing evaluated), `first` and `second`, the experiment `tuned`; the workspace is on
    other data, with another judge."""
    folder.mkdir()
    sh(folder, "git", "init", "--quiet", "-b", "main")
    for key, value in (("user.email", "a@example.org"), ("user.name", "A")):
        sh(folder, "git", "config", key, value)
    sh(folder, "dvc", "init", "--quiet")
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (folder / "params.yaml").write_text(json.dumps(PARAMS), encoding="utf-8")
    (folder / "metrics/evaluate").mkdir(parents=True)
    commit(folder, "empty")
    state(folder, RUNS["first"])
    commit(folder, "first")
    state(folder, RUNS["second"], lr=0.002)
    commit(folder, "second")
    state(folder, RUNS["tuned"], lr=0.0001, extra=None)
    sh(folder, "dvc", "exp", "save", "--quiet", "--name", "tuned")
    other = {**RUNS["first"], "judge": "dlib", "data": {**RUNS["first"]["data"], "digest": "ff" * 32}}
    state(folder, other)
    return folder


def cached(folder: Path) -> Path:
    """A repository whose evaluation metrics are an output in DVC's cache; the tag `first`."""
    folder.mkdir()
    sh(folder, "git", "init", "--quiet", "-b", "main")
    for key, value in (("user.email", "a@example.org"), ("user.name", "A")):
        sh(folder, "git", "config", key, value)
    sh(folder, "dvc", "init", "--quiet")
    source = folder / "source.json"
    source.write_text(json.dumps(RUNS["first"]), encoding="utf-8")
    stage = {
        "cmd": "mkdir -p metrics/evaluate && cp source.json metrics/evaluate/cgan.json",
        "deps": ["source.json"],
        "outs": ["metrics/evaluate/cgan.json"],
    }
    (folder / "dvc.yaml").write_text(json.dumps({"stages": {"evaluate": stage}}), encoding="utf-8")
    (folder / "params.yaml").write_text(json.dumps(PARAMS), encoding="utf-8")
    sh(folder, "dvc", "repro", "--quiet")
    commit(folder, "first")
    return folder


def commit(folder: Path, tag: str) -> None:
    sh(folder, "git", "add", "--all")
    sh(folder, "git", "commit", "--quiet", "--message", tag)
    sh(folder, "git", "tag", tag)
