"""Systems by name. A new system is one file here plus one line in BASELINES."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from deepfacegen import distributed
from deepfacegen.errors import UserError
from deepfacegen.systems import cgan, contrastive, cyclegan, enlarged, pins, speech2face, svhf, voice
from deepfacegen.systems.protocol import Drawer, Listener, Portraitist, Refiner, System

# Modules with `train`, `save` and `load` alike: what the stage `baseline` runs.
BASELINES: dict[str, Any] = {"speech2face": speech2face, "svhf": svhf, "pins": pins, "contrastive": contrastive}
LOADERS: dict[str, Callable[[Path, torch.device], System]] = {"cgan": cgan.load, **{name: module.load for name, module in BASELINES.items()}}
REFINERS: dict[str, Callable[[Path, torch.device], Refiner]] = {"cyclegan": cyclegan.load}
# The models (folders) that a system is made of: a judge of what it draws must not have taken part in any of them.
PARTS: dict[str, tuple[str, ...]] = {"cgan": ("voice", "cgan"), **{name: ("voice", "face", name) for name in (*BASELINES, *REFINERS)}}


def load(name: str, models_dir: str | Path = "models", device: str | torch.device | None = None) -> System:
    """A trained system, ready to use. Raises UserError for an unknown name or a missing model."""
    if name not in LOADERS:
        raise UserError(f"{name}: unknown system (known: {', '.join(sorted(LOADERS))})")
    return LOADERS[name](Path(models_dir), _device(device))


def refiner(name: str, models_dir: str | Path = "models", device: str | torch.device | None = None) -> Refiner:
    """A trained refiner, ready to use. Raises UserError for an unknown name or a missing model."""
    if name not in REFINERS:
        raise UserError(f"{name}: unknown refiner (known: {', '.join(sorted(REFINERS))})")
    return REFINERS[name](Path(models_dir), _device(device))


def enlarging(size_px: int, models_dir: str | Path = "models", device: str | torch.device | None = None) -> Drawer:
    """The system `cgan` with its faces drawn larger by the refiner. Raises UserError when a model is missing, or they do not fit together."""
    return enlarged.load(Path(models_dir), _device(device), size_px)


def portraitist(models_dir: str | Path = "models", device: str | torch.device | None = None) -> Portraitist:
    """The system `cgan`, to be told its noise. Raises UserError when a part of it is missing."""
    return cgan.load(Path(models_dir), _device(device))


def listener(models_dir: str | Path = "models", device: str | torch.device | None = None) -> Listener:
    """The trained voice encoder. Raises UserError when it is missing."""
    return voice.load(Path(models_dir) / "voice", _device(device))


def _device(name: str | torch.device | None) -> torch.device:
    return torch.device(name) if name is not None else distributed.device()
