"""The tags of a run: stage, commit, inputs with their origin, outputs, and a description with links.
Independent of mlflow."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

# A part of data/ -> the tables that identify it. Shards are left out: they
# can be a terabyte, and the tables list their content.
PARTS: dict[str, tuple[str, ...]] = {
    "data/raw": (
        "data/raw/voices/inventory.parquet",
        "data/raw/faces/inventory.parquet",
        "data/raw/meta/identities.parquet",
    ),
    "data/audio": ("data/audio/clips.parquet",),
    "data/faces": ("data/faces/faces.parquet",),
    "data/voiceless": ("data/voiceless/faces.parquet",),
    "data/manifest": tuple(f"data/manifest/{table}.parquet" for table in ("identities", "clips", "faces")),
}
# Stage -> (inputs, outputs); `*` is the item of a matrix stage. Models are folders; all of their files count.
FLOW: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "download": ((), ("data/raw",)),
    "audio": (("data/raw",), ("data/audio",)),
    "faces": (("data/raw",), ("data/faces",)),
    "photos": ((), ("data/voiceless",)),
    "manifest": (("data/raw", "data/audio", "data/faces", "data/voiceless"), ("data/manifest",)),
    "pretrain": (("data/manifest",), ("models/voice",)),
    "prior": (("data/manifest", "data/voiceless"), ("models/prior",)),
    "train": (("data/manifest", "data/voiceless", "models/voice", "models/prior"), ("models/cgan",)),
    "face": (("data/manifest",), ("models/face",)),
    "speech2face": (
        ("data/manifest", "models/voice", "models/face", "models/prior"),
        ("models/speech2face",),
    ),
    "baseline": (("data/manifest", "models/voice", "models/face"), ("models/*",)),
    "refine": (("data/manifest", "models/face"), ("models/cyclegan",)),
    "evaluate": (("data/manifest", "models/*"), ()),
    "release": (("data/manifest", "models/voice", "models/cgan"), ("models/release",)),
    "publish": (("models/release",), ()),
}
DIGEST_CHARACTERS = 16
# Tracked files that DVC rewrites while a pipeline runs: no sign of an edit.
REWRITTEN = ("dvc.lock", "metrics")
POPULATIONS, GROUPS = ("unseen", "seen"), {"ungrouped": "ungrouped", "gender": "grouped by gender"}


@dataclass(frozen=True)
class Part:
    """One input or output: its name, a digest of its files, and the rows of its tables."""

    name: str
    digest: str
    rows: dict[str, int]


def inputs(stage: str) -> list[Part]:
    """Inputs of a stage such as `train` or `evaluate@cgan`, as far as they exist."""
    return _parts(stage, 0)


def outputs(stage: str) -> list[Part]:
    """Outputs of a stage, as far as they exist."""
    return _parts(stage, 1)


def _parts(stage: str, which: int) -> list[Part]:
    name, _, item = stage.partition("@")
    patterns = [pattern for pattern in FLOW.get(name, ((), ()))[which] if item or "*" not in pattern]
    return [one for pattern in patterns if (one := part(pattern.replace("*", item))) is not None]


def part(name: str) -> Part | None:
    """None if any of its files is missing. The digest of the manifest is `data.digest` of the evaluations,
    shortened."""
    files = [Path(file) for file in PARTS.get(name, ())]
    files = files or sorted(path for path in Path(name).rglob("*") if path.is_file())
    if not files or not all(file.is_file() for file in files):
        return None
    digest = hashlib.sha256()
    for file in files:
        if name not in PARTS:
            digest.update(file.relative_to(name).as_posix().encode())
        with file.open("rb") as handle:
            hashlib.file_digest(handle, lambda: digest)
    tables = [file for file in files if file.suffix == ".parquet"]
    rows = {file.stem if file.stem != "inventory" else file.parent.name: _rows(file) for file in tables}
    return Part(name, digest.hexdigest()[:DIGEST_CHARACTERS], rows)


def _rows(table: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(table).num_rows)


def of_stage(stage: str) -> dict[str, str]:
    """Stage, experiment and commit of a run. `group` is the same for all runs of one experiment, or of one
    commit."""
    found = {
        "dvc.stage": stage,
        "dvc.exp": os.environ.get("DVC_EXP_NAME", ""),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
    }
    sha = git("rev-parse", "--short", "HEAD")
    if sha:
        kept = (":/", *(f":(exclude){path}" for path in REWRITTEN))
        edited = git("status", "--porcelain", "--untracked-files=no", "--", *kept)
        found |= {"git.sha": sha, "git.dirty": str(bool(edited)).lower()}
    found["group"] = found["dvc.exp"] or found.get("git.sha") or "untracked"
    return {key: value for key, value in found.items() if value}


def git(*arguments: str) -> str:
    """The output of git; "" without git or a repository, or after 20 s. Takes no lock, which
    would conflict with commits of DVC."""
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def description(
    given: Mapping[str, str],
    purpose: str,
    experiment_id: str,
    read: Sequence[Part],
    makers: Mapping[str, tuple[str, str]],
) -> str:
    """Markdown for the top of the page. `makers`: input -> (name, id) of the run that made it."""
    stage, group, exp, sha = (given.get(key, "") for key in ("dvc.stage", "group", "dvc.exp", "git.sha"))
    runs = f"#/experiments/{experiment_id}/runs"
    lines = [f"**{purpose}** Stage `{stage}` of {'experiment' if exp else 'commit'} `{group}`.", ""]
    if read:
        lines += ["| input | digest | holds | made by |", "|---|---|---|---|"]
        for one in read:
            name, run_id = makers.get(one.name, ("", ""))
            maker = f"[{name}]({runs}/{run_id})" if name else "not in this store"
            holds = ", ".join(f"{n} {table}" for table, n in one.rows.items()) or "weights"
            lines.append(f"| {one.name} | `{one.digest}` | {holds} | {maker} |")
        lines.append("")
    search = quote(f"tags.group = '{group}'", safe="")
    lines += [f"[All runs of `{group}`]({runs}?searchFilter={search})", ""]
    if sha or exp:
        dirty = " (files differed from the commit)" if given.get("git.dirty") == "true" and not exp else ""
        before = f"dvc exp apply {exp}" if exp else f"git checkout {sha}"
        command = "deepfacegen publish" if stage == "publish" else f"dvc repro {stage}"
        lines.append(f"Again: `{before} && {command}`{dirty}")
    return "\n".join(lines).rstrip() + "\n"


def purpose(stage: str) -> str:
    """The stage's `desc` in dvc.yaml, as a sentence."""
    text = stage
    with contextlib.suppress(OSError, KeyError, TypeError, yaml.YAMLError):
        stages = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
        entry = stages[stage.partition("@")[0]]
        text = str(entry.get("do", entry)["desc"])
    return text.rstrip(".") + "."


def result(metrics: Mapping[str, Any]) -> str:
    """Markdown of an evaluation's headline, unseen beside seen people; "" for metrics without one."""
    cells = metrics.get("matching", {}).get("voice_to_face", {})
    rows = [
        f"| {title} | {' | '.join(_cell(cells.get(who, {}).get(group)) for who in POPULATIONS)} |"
        for group, title in GROUPS.items()
    ]
    if not any("%" in row for row in rows):
        return ""
    # A system that generates no face has no centred cosine and no judge.
    score = f"by {metrics.get('judge', 'the judge')}" if "matching_centred" in metrics else "by its own score"
    head = ["", f"Matching accuracy {score} (chance 50 %):", "", "| | unseen | seen |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _cell(cell: Mapping[str, float] | None) -> str:
    if not cell:
        return ""
    value, low, high = (cell[key] * 100 for key in ("accuracy", "ci95_low", "ci95_high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"
