"""The trained systems that commands use. Tests replace these functions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import FaceGenerator, Refiner, VoiceFaceMatcher


def generator(models: Path, device: str | None, size_px: int | None = None) -> FaceGenerator:
    """The face generator; with a size, the enlarged one. Raises UserError if it or the device is missing."""
    from deepfacegen.systems import registry

    with _checked(device):
        system = (
            registry.load("cgan", models, device)
            if size_px is None
            else registry.enlarged_generator(size_px, models, device)
        )
    if not isinstance(system, FaceGenerator):
        raise UserError(f"{models}: this model generates no faces")
    return system


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
    """Torch raises RuntimeError for a device that is unknown or missing."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(f"--device {device}: {str(error).splitlines()[0]}") from None
