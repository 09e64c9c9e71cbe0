"""The trained systems that commands use. Tests replace these functions."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import FaceGenerator, LatentGenerator, Refiner, VoiceFaceMatcher

if TYPE_CHECKING:
    from deepfacegen.release.traits import Traits


def generator(models: Path, device: str | None) -> FaceGenerator:
    """The face generator. Raises UserError if it or the device is missing."""
    from deepfacegen.systems import registry

    with _checked(device):
        system = registry.load("cgan", models, device)
    if not isinstance(system, FaceGenerator):
        raise UserError(f"{models}: this model generates no faces")
    return system


def readouts(models: Path, system: FaceGenerator) -> Traits | None:
    """The readouts of the release that was made of these models; None without one. Raises UserError if they
    are damaged."""
    from deepfacegen.release import traits

    file = readouts_file(models)
    if file is None or not isinstance(system, LatentGenerator):
        return None
    return traits.load(file.parent, system.voice_dim)


def readouts_file(models: Path) -> Path | None:
    """traits.safetensors of a release, or of the release in a folder of models that has the same voice
    encoder."""
    weights = Path("voice/encoder.safetensors")
    for folder in (models, models / "release"):
        file = folder / "traits.safetensors"
        if file.is_file() and (folder / weights).is_file() and (models / weights).is_file():
            same = folder == models or filecmp.cmp(models / weights, folder / weights, shallow=False)
            return file if same else None
    return None


def matcher(name: str, models: Path, device: str | None) -> VoiceFaceMatcher:
    """A system that matches voices with faces. Raises UserError if it is unknown, missing or no matcher, or
    the device is missing."""
    from deepfacegen.systems import registry

    with _checked(device):
        system = registry.load(name, models_dir=models, device=device)
    if not isinstance(system, VoiceFaceMatcher):
        advice = "choose pins, contrastive or svhf"
        raise UserError(f"--system {name}: generates faces and does not compare them; {advice}")
    return system


def refiner(name: str, models: Path, device: str | None) -> Refiner:
    """A trained refiner. Raises UserError if it is missing, or the device is."""
    from deepfacegen.systems import registry

    with _checked(device):
        return registry.refiner(name, models, device)


@contextmanager
def _checked(device: str | None) -> Iterator[None]:
    """The registry raises RuntimeError for a device that is unknown or cannot be used."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(f"--device {device}: {str(error).splitlines()[0]}") from None
