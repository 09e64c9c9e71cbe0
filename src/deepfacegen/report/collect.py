"""Collects the outputs of the stages: metrics, curves, sample grids and unseen people."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.errors import UserError
from deepfacegen.report.values import DIRECTIONS, HEADLINE, SCORES, cell, generates

DATA_STAGES = ("download", "audio", "faces", "manifest")
TRAINING_STAGES = ("pretrain", "prior", "train", "face", "speech2face", "baseline", "refine")
FIRST = "cgan"  # the project's own system stands before those of others
SPEECH_RATE_HZ = 16_000  # of all speech behind the audio stage


@dataclass(frozen=True)
class People:
    """Unseen people of an evaluation. table: P rows; real uint8 [P, T, T, 3]; generated uint8
    [P, n, S, S, 3]; speech int16 [P, samples]."""

    table: pd.DataFrame
    real: np.ndarray
    generated: np.ndarray
    speech: np.ndarray


@dataclass(frozen=True)
class Retrieved:
    """The real faces nearest to a generated one. probe int [Q]: rows of `People`; faces uint8
    [Q, 5, T, T, 3], nearest first; own bool [Q, 5]: the speaker's; rank int [Q] of the best own face among
    `gallery` faces."""

    probe: np.ndarray
    faces: np.ndarray
    own: np.ndarray
    rank: np.ndarray
    gallery: int


@dataclass(frozen=True)
class Refined:
    """A refiner's results for unseen people's faces: its figures and, if they are there, the pictures by
    name."""

    figures: dict[str, Any]
    pictures: dict[str, np.ndarray]


@dataclass(frozen=True)
class Collected:
    """All content of the page. `stages`: metrics by stage; `systems`: metrics by system; `curves`: tables
    by training stage, or system; `retrieved`: by system, then "" (plain), "_centred" or "_own"; `refined`: by
    refiner; `skipped`: reason, by system that could not be trained; `sheets`: the picture of faces of many
    unseen voices, by system; `moves`: the pictures of what moves a face, by system and name."""

    stages: dict[str, dict[str, Any]]
    systems: dict[str, dict[str, Any]]
    curves: dict[str, pd.DataFrame]
    grids: list[tuple[int, Path]]
    people: dict[str, People]
    retrieved: dict[str, dict[str, Retrieved]]
    prior: Path | None = None  # the picture of the prior of faces
    refined: dict[str, Refined] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    sheets: dict[str, Path] = field(default_factory=dict)
    moves: dict[str, dict[str, Path]] = field(default_factory=dict)


def collect(root: Path = Path()) -> Collected:
    """Read below `root`. Raises UserError when no system has been evaluated or a metrics file is damaged;
    other parts may be missing."""
    metrics, plots = root / "metrics", root / "metrics" / "plots"
    every = evaluations(root)
    skipped = {name: found["skipped"] for name, found in every.items() if "skipped" in found}
    evaluated = {name: found for name, found in every.items() if name not in skipped}
    systems = {name: found for name, found in evaluated.items() if "refinement" not in found}
    if not systems:
        where = metrics / "evaluate"
        raise UserError(f"{where}: no system has been evaluated yet; run the stage evaluate first")
    folders = {name: root / "data" / "evaluate" / name for name in evaluated}
    tables = {
        path.name: _curves(path)
        for stage in TRAINING_STAGES
        for path in (plots / stage, *sorted((plots / stage).glob("*/")))
    }
    return Collected(
        stages={
            name: _read(path)
            for name in (*DATA_STAGES, *TRAINING_STAGES)
            if (path := metrics / f"{name}.json").is_file()
        },
        systems=systems,
        curves={stage: table for stage, table in tables.items() if not table.empty},
        grids=[
            (int(path.stem), path)
            for path in sorted((plots / "train" / "samples").glob("*.png"))
            if path.stem.isdigit()
        ],
        prior=picture if (picture := plots / "prior" / "prior.png").is_file() else None,
        people={name: found for name, folder in folders.items() if (found := _people(folder)) is not None},
        retrieved={name: ranks for name, folder in folders.items() if (ranks := _retrieved(folder))},
        refined={
            name: Refined(found["refinement"], _arrays(folders[name] / "shown.npz"))
            for name, found in evaluated.items()
            if name not in systems
        },
        skipped=skipped,
        sheets={
            name: path for name, folder in folders.items() if (path := folder / "contact_sheet.png").is_file()
        },
        moves={name: {p.stem: p for p in (plots / "evaluate" / name).glob("*.png")} for name in systems},
    )


def evaluations(root: Path) -> dict[str, dict[str, Any]]:
    """metrics/evaluate below `root` by system, the project's own first. Raises UserError for a damaged
    file."""
    files = {path.stem: path for path in sorted((root / "metrics" / "evaluate").glob("*.json"))}
    return {name: _read(files[name]) for name in sorted(files, key=lambda name: (name != FIRST, name))}


def summary(found: Collected) -> dict[str, Any]:
    """metrics/summary.json: per system the numbers that a leaderboard needs, and the counts behind them."""
    return {
        "systems": {name: _headline(metrics) for name, metrics in found.systems.items()},
        "refiners": {name: refined.figures for name, refined in found.refined.items()},
        **({"skipped": found.skipped} if found.skipped else {}),
        "people": found.stages.get("manifest", {}).get("identities", {}),
    }


def _headline(metrics: dict[str, Any]) -> dict[str, Any]:
    headline: dict[str, Any] = {
        "judge": metrics.get("judge"),
        "data": {key: cell(metrics, f"data.{key}") for key in ("source", "digest")},
    }
    bounded = generates(metrics)
    for key, direction, (population, group) in itertools.product(SCORES, DIRECTIONS, HEADLINE):
        path = f"{direction}.{population}.{group}"
        found = cell(metrics, f"{key}.{path}")
        if found is not None:
            values = {
                **found,
                "upper_bound": cell(metrics, f"upper_bound.{key}.{path}.accuracy") if bounded else None,
                "progress": cell(metrics, f"progress.{key}.{path}"),
                "gender_oracle": cell(metrics, f"oracle.gender.matching.{path}.accuracy"),
            }
            groups = headline.setdefault(key, {}).setdefault(direction, {}).setdefault(population, {})
            groups[group] = {k: v for k, v in values.items() if v is not None}
    return headline | {key: metrics[key] for key in ("generated", "null_attributes") if key in metrics}


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{path}: not valid JSON; run its stage again") from None


def _people(folder: Path) -> People | None:
    arrays = _arrays(folder / "unseen.npz")
    if not arrays:
        return None
    table = pd.read_parquet(folder / "unseen.parquet")
    return People(table, arrays["true"], arrays["drawn"], arrays["speech"])


def _retrieved(folder: Path) -> dict[str, Retrieved]:
    arrays = _arrays(folder / "retrieved.npz")
    return {
        suffix: Retrieved(
            arrays["probe"],
            arrays[f"faces{suffix}"],
            arrays[f"own{suffix}"],
            arrays[f"rank{suffix}"],
            int(arrays["gallery"]),
        )
        for suffix in ("", "_centred", "_own")
        if f"faces{suffix}" in arrays
    }


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz file; none if it is missing."""
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _curves(folder: Path) -> pd.DataFrame:
    """All curve files of a stage side by side: the column `step` and one column per curve."""
    tables = [pd.read_csv(path) for path in sorted(folder.glob("*.csv"))]
    tables = [table.set_index("step").select_dtypes("number") for table in tables if "step" in table.columns]
    return pd.concat(tables, axis=1).sort_index().reset_index() if tables else pd.DataFrame()
