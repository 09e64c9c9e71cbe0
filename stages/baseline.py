"""Stage `baseline`: one of the other systems. `python stages/baseline.py <system>`."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config
from deepfacegen.encoders import face, speaker
from deepfacegen.errors import TooFewPeopleError
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.systems import registry, skipped
from deepfacegen.tracking.run import Tracker
from deepfacegen.training import inputs
from deepfacegen.training.inputs import MODELS
from deepfacegen.training.resume import Resume


def resume_point(name: str, config: Config) -> Resume:
    return inputs.resume_point(name, name, getattr(config, name), "voice", "face")


def main(name: str, config: Config, tracker: Tracker) -> dict[str, Any] | None:
    distributed.start()
    device, params, system = distributed.device(), getattr(config, name), registry.module(name)
    data, resume, plots = inputs.read_inputs(), resume_point(name, config), plots_folder(metrics_of(name))
    built_on = {
        "encoder": speaker.load(MODELS / "voice", device),
        "recogniser": face.load(MODELS / "face", device),
    }
    try:
        trained = system.train(
            params, data.manifest, data.audio, data.photos, **built_on, resume=resume, sink=tracker
        )
    except TooFewPeopleError as error:
        distributed.stop()
        return skipped.write(MODELS / name, plots, str(error))
    distributed.stop()
    if distributed.rank() != 0:
        return None
    system.save(MODELS / name, params, trained, data.people)
    effort = trained.effort.metrics(getattr(params, "batch", 1))
    return {"losses": inputs.finish(resume, trained.statistics, plots), "effort": effort}


def metrics_of(name: str) -> Path:
    return Path(f"metrics/baseline/{name}.json")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("system", nargs="?", choices=sorted(registry.BASELINES), default="contrastive")
    chosen = parser.parse_known_args()[0].system
    run, state = functools.partial(main, chosen), lambda config: resume_point(chosen, config).path
    run_stage(chosen, (chosen,), run, metrics_of(chosen), state=state)
