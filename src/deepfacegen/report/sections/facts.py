"""Training curves, counts of the data, and what reproduces the run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deepfacegen.config.schema import Config, to_dict
from deepfacegen.report import curves, media
from deepfacegen.report.collect import Collected
from deepfacegen.report.values import cell, flatten, words

GRIDS = 4
CURVES = {
    "pretrain": "Voice encoder",
    "prior": "cgan: prior of faces",
    "train": "cgan: generator and discriminator",
    "face": "Face network",
    "refine": "cyclegan",
}
OWNERS = {"prior": "cgan", "train": "cgan", "refine": "cyclegan"}  # stage -> system, if not of its name
SPLITS = {"train": "Training", "val": "Validation", "test": "Test (unseen)"}
FACTS = (
    ("Versions", "versions"),
    ("Third-party weights, sha256", "weights"),
    ("Trained weights, sha256", "models"),
)
COMMANDS = (
    ("make repro", "installs the locked environment and runs every stage that is not up to date"),
    ("dvc repro -f", "runs every stage again, in the environment"),
    ("dvc exp run -S train.lr=1e-4", "runs one experiment with one parameter changed"),
    ("deepfacegen compare HEAD workspace", "compares two or more runs"),
)


def training(found: Collected, system: str = "", pages: Iterable[str] = ()) -> dict[str, Any] | None:
    """Sample grids, evenly spaced over the training, the prior's picture, and a chart for every curve: those
    of `system` or, for "", those of no system that has a page."""

    def here(stage: str) -> bool:
        owner = OWNERS.get(stage, stage)
        return system == (owner if owner in pages else "")

    shown = _evenly(found.grids) if here("train") else []
    grids = [{"step": step, "uri": media.jpeg_uri(media.picture(path))} for step, path in shown]
    charts = {}
    for stage, table in found.curves.items():
        if not here(stage):
            continue
        columns = {str(name): table[name].to_numpy(dtype=float) for name in table.columns}
        steps = columns.pop("step")
        charts[CURVES.get(stage, stage)] = curves.training_charts(steps, columns)
    prior = media.jpeg_uri(media.picture(found.prior)) if found.prior and here("prior") else None
    return {"grids": grids, "prior": prior, "curves": charts} if grids or prior or charts else None


def accounting(found: Collected) -> dict[str, Any] | None:
    """Files kept and rejected by reason, and the people of each split."""
    stages: list[dict[str, Any]] = []
    for stage, label in (("audio", "Voice clips"), ("faces", "Photos and videos")):
        if metrics := found.stages.get(stage):
            rejected = metrics.get("rejected", {})
            reasons = {words(key): count for key, count in rejected.items() if key != "all"}
            counts = {key: metrics.get(key) for key in ("seen", "kept")}
            stages.append({"label": label, **counts, "reasons": reasons})
    manifest = found.stages.get("manifest", {})
    people = manifest.get("identities", {})
    splits = [{"name": label, **people[k]} for k, label in SPLITS.items() if isinstance(people.get(k), dict)]
    names = sorted({reason for stage in stages for reason in stage["reasons"]})
    more = {"reasons": names, "splits": splits, "leaks": manifest.get("leaks")}
    return {"stages": stages, **more} if stages or splits else None


def reproduction(found: Collected, config: Config) -> dict[str, Any]:
    """Commands, parameters, seeds, versions and digests that a second run must share to give the same
    numbers."""
    parameters = to_dict(config)
    tables: dict[str, dict[str, str]] = {}
    for title, block in FACTS:
        for metrics in (*found.stages.values(), *found.systems.values()):
            rows = flatten(metrics.get(block) or {})
            tables.setdefault(title, {}).update({key: str(value) for key, value in rows.items()})
    sources = [
        (name, cell(metrics, "data.source"), cell(metrics, "data.digest"))
        for name, metrics in found.systems.items()
    ]
    return {
        "commands": COMMANDS,
        "parameters": parameters,
        "seeds": [(section, values["seed"]) for section, values in parameters.items() if "seed" in values],
        "data": sources,
        "tables": [(title, rows) for title, rows in tables.items() if rows],
    }


def _evenly(items: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """First, last and some between."""
    if len(items) <= GRIDS:
        return items
    return [items[round(i * (len(items) - 1) / (GRIDS - 1))] for i in range(GRIDS)]
