"""Gathers what the stages left behind: metrics, curves, sample grids and the unseen people to show."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.errors import UserError
from deepfacegen.report.values import HEADLINE, SCORES, cell

DATA_STAGES = ("download", "audio", "faces", "manifest")
TRAINING_STAGES = ("pretrain", "train", "face", "baseline", "refine")
FIRST = "cgan"  # the project's own system stands before those of others
SPEECH_RATE_HZ = 16_000  # of all speech behind the audio stage


@dataclass(frozen=True)
class People:
    """Unseen people as the evaluation wrote them: a table row, a true face, drawn faces and speech each."""

    table: pd.DataFrame
    true: np.ndarray
    drawn: np.ndarray
    speech: np.ndarray


@dataclass(frozen=True)
class Retrieved:
    """Whose true faces are nearest to a drawn one. probe int [Q]: rows of `People`; faces uint8 [Q, 5, T, T,
    3], nearest first; own bool [Q, 5]: the speaker's; rank int [Q] of the best own face among `gallery`
    faces."""

    probe: np.ndarray
    faces: np.ndarray
    own: np.ndarray
    rank: np.ndarray
    gallery: int


@dataclass(frozen=True)
class Refined:
    """What a refiner made of unseen people's faces (`evaluation.refined_examples`): its figures and, if they
    are there, the pictures by name."""

    figures: dict[str, Any]
    pictures: dict[str, np.ndarray]


@dataclass(frozen=True)
class Collected:
    """Everything the page shows. `stages`: metrics by stage; `systems`: metrics by system; `curves`: tables
    by training stage, or system; `retrieved`: by system, then "" (plain), "_centred" or "_own"; `refined`: by
    refiner; `skipped`: why, by system that could not be trained."""

    stages: dict[str, dict[str, Any]]
    systems: dict[str, dict[str, Any]]
    curves: dict[str, pd.DataFrame]
    grids: list[tuple[int, Path]]
    people: dict[str, People]
    retrieved: dict[str, dict[str, Retrieved]]
    refined: dict[str, Refined] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def collect(root: Path = Path()) -> Collected:
    """Read below `root`. Raises UserError when no system has been evaluated or a metrics file is damaged;
    other parts may be missing."""
    metrics = root / "metrics"
    every = {
        path.stem: _read(path)
        for path in sorted(
            (metrics / "evaluate").glob("*.json"), key=lambda path: (path.stem != FIRST, path.stem)
        )
    }
    skipped = {name: found["skipped"] for name, found in every.items() if "skipped" in found}
    evaluated = {name: found for name, found in every.items() if name not in skipped}
    systems = {name: told for name, told in evaluated.items() if "refinement" not in told}
    if not systems:
        raise UserError(
            f"{metrics / 'evaluate'}: no system has been evaluated yet; run the stage evaluate first"
        )
    stages = {
        name: _read(metrics / f"{name}.json")
        for name in (*DATA_STAGES, *TRAINING_STAGES)
        if (metrics / f"{name}.json").is_file()
    }
    folders = {name: root / "data" / "evaluate" / name for name in evaluated}
    people = {name: _people(folder) for name, folder in folders.items() if (folder / "unseen.npz").is_file()}
    retrieved = {
        name: _retrieved(folder / "retrieved.npz")
        for name, folder in folders.items()
        if (folder / "retrieved.npz").is_file()
    }
    plots = [
        path
        for stage in TRAINING_STAGES
        for path in ((metrics / "plots" / stage), *sorted((metrics / "plots" / stage).glob("*/")))
    ]
    curves = {path.name: _curves(path) for path in plots}
    refined = {
        name: Refined(told["refinement"], _pictures(folders[name]))
        for name, told in evaluated.items()
        if name not in systems
    }
    grids = [
        (int(path.stem), path)
        for path in sorted((metrics / "plots" / "train" / "samples").glob("*.png"))
        if path.stem.isdigit()
    ]
    curves = {stage: table for stage, table in curves.items() if not table.empty}
    return Collected(stages, systems, curves, grids, people, retrieved, refined, skipped)


def summary(found: Collected) -> dict[str, Any]:
    """metrics/summary.json: per system the numbers that a leaderboard needs, and the counts behind them."""
    return {
        "systems": {name: _headline(metrics) for name, metrics in found.systems.items()},
        "refiners": {name: refined.figures for name, refined in found.refined.items()},
        **({"skipped": found.skipped} if found.skipped else {}),
        "people": found.stages.get("manifest", {}).get("identities", {}),
    }


def _headline(metrics: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "judge": metrics.get("judge"),
        "data": {key: cell(metrics, f"data.{key}") for key in ("source", "digest")},
    }
    for key in SCORES:
        for direction in ("voice_to_face", "face_to_voice"):
            for population, group in HEADLINE:
                path = f"{key}.{direction}.{population}.{group}"
                found = cell(metrics, path)
                if found is None:
                    continue
                values = {
                    **found,
                    "upper_bound": cell(metrics, f"upper_bound.{path}.accuracy"),
                    "progress": cell(metrics, f"progress.{path}"),
                }
                values["gender_oracle"] = cell(
                    metrics, f"oracle.gender.matching.{direction}.{population}.{group}.accuracy"
                )
                told.setdefault(key, {}).setdefault(direction, {}).setdefault(population, {})[group] = {
                    k: v for k, v in values.items() if v is not None
                }
    for key in ("generated", "null_attributes"):
        if key in metrics:
            told[key] = metrics[key]
    return told


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{path}: not valid JSON; run its stage again") from None


def _people(folder: Path) -> People:
    with np.load(folder / "unseen.npz", allow_pickle=False) as arrays:
        return People(
            pd.read_parquet(folder / "unseen.parquet"), arrays["true"], arrays["drawn"], arrays["speech"]
        )


def _retrieved(path: Path) -> dict[str, Retrieved]:
    with np.load(path, allow_pickle=False) as arrays:
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


def _pictures(folder: Path) -> dict[str, np.ndarray]:
    if not (folder / "shown.npz").is_file():
        return {}
    with np.load(folder / "shown.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def _curves(folder: Path) -> pd.DataFrame:
    """All curve files of a stage side by side: the column `step` and one column per curve."""
    tables = [pd.read_csv(path) for path in sorted(folder.glob("*.csv"))]
    tables = [table.set_index("step").select_dtypes("number") for table in tables if "step" in table.columns]
    return pd.concat(tables, axis=1).sort_index().reset_index() if tables else pd.DataFrame()
