"""Stage `refine`: the conditional CycleGAN, which generates large faces from low-res ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.data.manifest import attributes
from deepfacegen.encoders import face
from deepfacegen.evaluation import attribute_labels
from deepfacegen.stage import run_stage
from deepfacegen.systems.cyclegan import refine as cyclegan
from deepfacegen.tracking.run import Tracker
from deepfacegen.training import inputs
from deepfacegen.training.inputs import MODELS
from deepfacegen.training.resume import Resume

PLOTS, RAW = Path("metrics/plots/refine"), Path("data/raw")


def resume_point(config: Config) -> Resume:
    return inputs.resume_point("refine", "cyclegan", config.cyclegan, "face")


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    chosen = attributes.resolved(config.cyclegan, config.data.source)
    distributed.start()
    device, data, resume = distributed.device(), inputs.read_inputs(), resume_point(config)
    table = attribute_labels.table(chosen, data.manifest, data.photos, RAW)
    recogniser = face.load(MODELS / "face", device) if chosen.identity else None
    trained = cyclegan.train(chosen, data.manifest, data.photos, table, resume, recogniser, tracker)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    judges = recogniser.trained_with if recogniser is not None else []
    cyclegan.save(MODELS / "cyclegan", chosen, trained, data.people, judges)
    losses = inputs.finish(resume, trained.statistics, PLOTS)
    return {"losses": losses, "effort": trained.effort.metrics(chosen.batch)}


if __name__ == "__main__":
    run_stage(
        "refine",
        ("data", "cyclegan"),
        main,
        Path("metrics/refine.json"),
        state=lambda config: resume_point(config).path,
    )
