"""What the page of a run tells beside its figures: whence its inputs come, what it made, and a description
with links. Knows no mlflow."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

# A part of data/ or models/ -> the files that stand for it. Shards are left out: they hold what the tables
# list, and may be a terabyte.
PARTS: dict[str, tuple[str, ...]] = {
    "data/raw": (
        "data/raw/voices/inventory.parquet",
        "data/raw/faces/inventory.parquet",
        "data/raw/meta/identities.parquet",
    ),
    "data/audio": ("data/audio/clips.parquet",),
    "data/faces": ("data/faces/faces.parquet",),
    "data/manifest": tuple(f"data/manifest/{table}.parquet" for table in ("identities", "clips", "faces")),
}
# Stage -> (what it reads, what it writes); `*` is what a stage of many is run for. Models are folders; all of
# their files count.
FLOW: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "download": ((), ("data/raw",)),
    "audio": (("data/raw",), ("data/audio",)),
    "faces": (("data/raw",), ("data/faces",)),
    "manifest": (("data/raw", "data/audio", "data/faces"), ("data/manifest",)),
    "pretrain": (("data/manifest",), ("models/voice",)),
    "train": (("data/manifest", "models/voice"), ("models/cgan",)),
    "face": (("data/manifest",), ("models/face",)),
    "baseline": (("data/manifest", "models/voice", "models/face"), ("models/*",)),
    "refine": (("data/manifest", "models/voice", "models/face"), ("models/cyclegan",)),
    "evaluate": (("data/manifest", "models/*"), ()),
    "release": (("data/manifest", "models/voice", "models/cgan"), ("models/release",)),
    "publish": (("models/release",), ()),
}
DIGEST_CHARACTERS = 16
# Of the files that Git tracks, those that DVC removes and writes while a pipeline runs: they say nothing of
# what somebody edited.
REWRITTEN = ("dvc.lock", "metrics")
FACTS = ("voice_to_face", ("unseen", "seen"), (("ungrouped", "ungrouped"), ("gender", "grouped (gender)")))


@dataclass(frozen=True)
class Part:
    """One input or output as it is now: its name, a digest of what stands for it, and how many rows its
    tables have."""

    name: str
    digest: str
    rows: dict[str, int]


def inputs(stage: str) -> list[Part]:
    """Of a stage such as `train` or `evaluate@cgan`: what it reads, as far as it is there."""
    return _parts(stage, 0)


def outputs(stage: str) -> list[Part]:
    """What a stage writes, as far as it is there."""
    return _parts(stage, 1)


def _parts(stage: str, which: int) -> list[Part]:
    name, _, item = stage.partition("@")
    found = (
        part(wanted.replace("*", item))
        for wanted in FLOW.get(name, ((), ()))[which]
        if item or "*" not in wanted
    )
    return [one for one in found if one is not None]


def part(name: str) -> Part | None:
    """None if any of its files is missing. The digest of the manifest is that which evaluations tell as
    `data.digest`, shortened."""
    files = (
        [Path(file) for file in PARTS[name]]
        if name in PARTS
        else sorted(path for path in Path(name).rglob("*") if path.is_file())
    )
    if not files or not all(file.is_file() for file in files):
        return None
    told = hashlib.sha256()
    for file in files:
        if name not in PARTS:
            told.update(file.relative_to(name).as_posix().encode())
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                told.update(block)
    rows = {
        file.stem if file.stem != "inventory" else file.parent.name: _rows(file)
        for file in files
        if file.suffix == ".parquet"
    }
    return Part(name, told.hexdigest()[:DIGEST_CHARACTERS], rows)


def _rows(table: Path) -> int:
    from pyarrow import parquet

    return int(parquet.read_metadata(table).num_rows)


def tags(stage: str) -> dict[str, str]:
    """Which stage, experiment and commit a run belongs to. `group` is the same for all runs of one
    experiment, or of one commit."""
    found = {
        "dvc.stage": stage,
        "dvc.exp": os.environ.get("DVC_EXP_NAME", ""),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
    }
    sha = git("rev-parse", "--short", "HEAD")
    if sha:
        edited = git(
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            ":/",
            *(f":(exclude){path}" for path in REWRITTEN),
        )
        found |= {"git.sha": sha, "git.dirty": str(bool(edited)).lower()}
    found["group"] = found["dvc.exp"] or found.get("git.sha") or "untracked"
    return {key: value for key, value in found.items() if value}


def git(*arguments: str) -> str:
    """What git prints; nothing where there is no git, no repository or no answer. Takes no lock, which a
    commit of DVC's might meet."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def description(
    told: Mapping[str, str], experiment_id: str, read: Sequence[Part], makers: Mapping[str, tuple[str, str]]
) -> str:
    """Markdown for the top of the page. `told` are the run's tags; `makers` tells, for inputs, the (name, id)
    of the run that made them."""
    stage, group, exp, sha = (told.get(key, "") for key in ("dvc.stage", "group", "dvc.exp", "git.sha"))
    lines = [f"**{purpose(stage)}** Stage `{stage}` of {'experiment' if exp else 'commit'} `{group}`.", ""]
    if read:
        lines += ["| input | digest | holds | made by |", "|---|---|---|---|"]
        for one in read:
            maker = (
                f"[{makers[one.name][0]}](#/experiments/{experiment_id}/runs/{makers[one.name][1]})"
                if one.name in makers
                else "not in this store"
            )
            lines.append(
                f"| {one.name} | `{one.digest}` | {', '.join(f'{n} {table}' for table, n in one.rows.items()) or 'weights'} | {maker} |"
            )
        lines.append("")
    search = quote(f"tags.group = '{group}'", safe="")
    lines += [f"[All runs of `{group}`](#/experiments/{experiment_id}/runs?searchFilter={search})", ""]
    if sha or exp:
        dirty = " (files differed from the commit)" if told.get("git.dirty") == "true" and not exp else ""
        before = f"dvc exp apply {exp}" if exp else f"git checkout {sha}"
        lines.append(
            f"Again: `{before} && {'deepfacegen publish' if stage == 'publish' else f'dvc repro {stage}'}`{dirty}"
        )
    return "\n".join(lines).rstrip() + "\n"


def purpose(stage: str) -> str:
    """What dvc.yaml says a stage is for, as a sentence."""
    try:
        entry = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"][
            stage.partition("@")[0]
        ]
        told = str(entry.get("do", entry)["desc"])
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        told = stage
    return told.rstrip(".") + "."


def result(metrics: Mapping[str, Any]) -> str:
    """Markdown of an evaluation's headline, seen and unseen side by side; nothing for metrics without one."""
    direction, populations, groups = FACTS
    cells = metrics.get("matching", {}).get(direction, {})
    rows = [
        f"| {title} | {' | '.join(_cell(cells.get(who, {}).get(group)) for who in populations)} |"
        for group, title in groups
    ]
    if not any("%" in row for row in rows):
        return ""
    # A system that generates no face has no centred cosine, and no judge compares anything for it.
    whose = f"by {metrics.get('judge', 'the judge')}" if "matching_centred" in metrics else "by its own score"
    return "\n".join(
        [
            "",
            f"Right face of two, {whose} (chance 50 %):",
            "",
            "| | unseen | seen |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _cell(cell: Mapping[str, float] | None) -> str:
    if not cell:
        return ""
    return f"{cell['accuracy'] * 100:.1f} % [{cell['ci95_low'] * 100:.1f}, {cell['ci95_high'] * 100:.1f}]"


def profile(one: Part) -> str:
    """Rows of the tables, as the JSON that MLflow shows beside a data set."""
    return json.dumps(one.rows)
