"""Stage `prior`: what faces look like, from photos of training people and of people without voices (or
ready-made, from synthetic portraits). The conditional GAN starts from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.data import voiceless
from deepfacegen.stage import run_stage
from deepfacegen.systems.prior import grid, prior
from deepfacegen.tracking.run import Tracker
from deepfacegen.training import inputs
from deepfacegen.training.resume import Resume

PLOTS = Path("metrics/plots/prior")


def resume_point(config: Config) -> Resume:
    return inputs.resume_point("prior", "prior", config.prior)


def main(config: Config, tracker: Tracker) -> dict[str, Any] | None:
    distributed.start()
    data, resume = inputs.read_inputs(), resume_point(config)
    more = voiceless.read()
    sources = [(data.manifest.split("train").faces, data.photos), *([more.source] if more else [])]
    trained = prior.train(config.prior, sources, resume, tracker)
    distributed.stop()
    if distributed.rank() != 0:
        return None
    ready_made = config.prior.architecture == "portraits"
    people = [] if ready_made else data.people
    record = more.record if more and not ready_made else None
    prior.save(inputs.MODELS / "prior", config.prior, trained.prior, people, trained_on_photos=record)
    grid.write(PLOTS, trained.prior, data.manifest, data.photos)
    return {
        "losses": inputs.finish(resume, trained.statistics, PLOTS),
        "effort": trained.effort.metrics(config.prior.batch),
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in trained.prior.parts.items()
        },
    }


if __name__ == "__main__":
    run_stage(
        "prior", ("prior",), main, Path("metrics/prior.json"), state=lambda config: resume_point(config).path
    )
