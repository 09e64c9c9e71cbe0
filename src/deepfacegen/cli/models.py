"""The trained systems that commands use. Tests replace these functions."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfacegen.errors import UserError
from deepfacegen.release.evaluation import PARTS
from deepfacegen.systems.protocol import Refiner, VoiceFaceMatcher

if TYPE_CHECKING:
    from deepfacegen.release.generator import VoiceGenerator
    from deepfacegen.release.traits import Traits

# Of a model's config.json: what a release leaves out or adds, which changes no face.
NO_SETTINGS = ("trained_on", "chosen_on", "released")


def generator(models: Path, device: str | None) -> VoiceGenerator:
    """The generator. Raises UserError if it or the device is missing."""
    from deepfacegen.release import loading

    with _checked(device):
        return loading.load(models, onnx_model(models), device)


def readouts(models: Path, system: VoiceGenerator) -> Traits | None:
    """The readouts of the release that was made of these models; None without one. Raises UserError if they
    are damaged."""
    from deepfacegen.release import traits

    file = readouts_file(models)
    return None if file is None else traits.load(file.parent, system.voice_dim)


def readouts_file(models: Path) -> Path | None:
    """traits.safetensors of a release, or of the release in a folder of models that has the same voice
    encoder."""
    release = _release(models, "voice")
    return None if release is None else release / "traits.safetensors"


def onnx_model(models: Path) -> Path | None:
    """The ONNX model of a release, or of the release in a folder of models that was made of these very
    models. None if the release is damaged or of another format, too: the models need none."""
    from deepfacegen.release import folder

    release = _release(models, *PARTS)
    if release is None:
        return None
    try:
        folder.verify(release, folder.read_config(release))
        same = all(_settings(models / name) == _settings(release / name) for name in PARTS)
    except (UserError, OSError, ValueError):
        return None
    return folder.onnx_model(release) if same else None


def _release(models: Path, *names: str) -> Path | None:
    """A release, or the release in a folder of models, whose models of these names have the same weights."""
    weights = [Path(name, f"{part}.safetensors") for name in names for part in PARTS[name]]
    for folder in (models, models / "release"):
        files = (
            folder / "traits.safetensors",
            *(place / file for place in (folder, models) for file in weights),
        )
        if all(file.is_file() for file in files):
            same = folder == models or all(
                filecmp.cmp(models / file, folder / file, shallow=False) for file in weights
            )
            return folder if same else None
    return None


def _settings(model: Path) -> dict[str, Any]:
    """How a trained model is rebuilt, and its parameters."""
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    return {key: value for key, value in config.items() if key not in NO_SETTINGS}


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
