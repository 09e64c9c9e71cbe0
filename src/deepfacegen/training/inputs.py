"""What the stages that train read, where they go on, and what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfacegen.config.schema import flatten
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics

MODELS = Path("models")


@dataclass(frozen=True)
class Inputs:
    """What the stages before wrote."""

    manifest: Manifest
    audio: AudioShards
    photos: FaceShards

    @property
    def people(self) -> list[str]:
        """Ids of the training people."""
        return self.manifest.split("train").identities["identity_id"].tolist()


def read_inputs() -> Inputs:
    return Inputs(Manifest.read(), AudioShards(Path("data/audio")), FaceShards(Path("data/faces")))


def resume_point(name: str, section: str, params: Any, *models: str) -> Resume:
    """Of the stage `name` with a section of parameters; it reads the manifest and these trained models."""
    return Resume(name, flatten(section, params), [Path("data/manifest"), *(MODELS / one for one in models)])


def finish(resume: Resume, statistics: Statistics, plots: Path) -> Mapping[str, float]:
    """Keep the curves and forget the resume point, once the model is saved; returns the last losses."""
    statistics.write_csv(plots / "curves.csv")
    resume.clear()
    return statistics.latest()
