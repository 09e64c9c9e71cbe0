"""Stage `baseline`: one of the other systems. `python stages/baseline.py <system>`."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import distributed
from deepfacegen.config.schema import Config, flatten
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.errors import TooFewPeopleError
from deepfacegen.stage import plots_folder, run_stage
from deepfacegen.systems import registry, skipped
from deepfacegen.tracking.run import Tracker
from deepfacegen.training.resume import Resume

MODELS = Path("models")


def resume_point(name: str, config: Config) -> Resume:
    return Resume(
        name, flatten(name, getattr(config, name)), [Path("data/manifest"), MODELS / "voice", MODELS / "face"]
    )


def main(name: str, config: Config, tracker: Tracker) -> dict[str, Any] | None:
    distributed.start()
    device, chosen = distributed.device(), getattr(config, name)
    manifest, audio, photos = Manifest.read(), AudioShards(Path("data/audio")), FaceShards(Path("data/faces"))
    encoder, recogniser = speaker.load(MODELS / "voice", device), face.load(MODELS / "face", device)
    system, resume = registry.module(name), resume_point(name, config)
    try:
        trained = system.train(
            chosen,
            manifest,
            audio,
            photos,
            encoder=encoder,
            recogniser=recogniser,
            resume=resume,
            sink=tracker,
        )
    except TooFewPeopleError as error:
        distributed.stop()
        return skipped.write(MODELS / name, plots_folder(metrics_of(name)), str(error))
    distributed.stop()
    if distributed.rank() != 0:
        return None
    system.save(MODELS / name, chosen, trained, manifest.split("train").identities["identity_id"].tolist())
    curves = trained.statistics
    curves.write_csv(plots_folder(metrics_of(name)) / "curves.csv")
    resume.clear()
    return {"losses": curves.latest(), "effort": trained.effort.metrics(getattr(chosen, "batch", 1))}


def metrics_of(name: str) -> Path:
    return Path(f"metrics/baseline/{name}.json")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("system", nargs="?", choices=sorted(registry.BASELINES), default="contrastive")
    chosen_system = parser.parse_known_args()[0].system
    run = functools.partial(main, chosen_system)
    run_stage(
        chosen_system,
        (chosen_system,),
        run,
        metrics_of(chosen_system),
        state=lambda config: resume_point(chosen_system, config).path,
    )
