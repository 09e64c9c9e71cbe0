"""Stage `evaluate`: one system on seen and unseen people, or a refiner on unseen faces. `python
stages/evaluate.py <system>`."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen.config.schema import Config
from deepfacegen.evaluation import run
from deepfacegen.evaluation.context import Folders
from deepfacegen.evaluation.refinement import refiner_run
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.systems import registry, skipped
from deepfacegen.tracking.run import Tracker


def main(name: str, config: Config, tracker: Tracker) -> dict[str, Any]:
    folders = Folders(out=Path("data/evaluate") / name, plots=plots_folder(metrics_of(name)))
    if reason := skipped.read(folders.models / name):
        return skipped.metrics(folders.plots, reason)
    parts = registry.PARTS[name]
    if name in registry.REFINERS:
        metrics = refiner_run.evaluate(registry.refiner(name), config, folders, parts)
    else:
        metrics = run.evaluate(registry.load(name), config, folders, registry.voice_encoder(), parts)
    tracker.tags({"system": name, "data.digest": metrics["data"]["digest"]})
    return metrics


def metrics_of(name: str) -> Path:
    return Path(f"metrics/evaluate/{name}.json")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("system", nargs="?", default="cgan")
    system = parser.parse_known_args()[0].system
    run_stage(
        "evaluate",
        ("data", "sample", "evaluate"),
        functools.partial(main, system),
        metrics_of(system),
        outs=[Path("data/evaluate") / system],
    )
