"""Systems by name. A new system is one folder here plus one line in BASELINES."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from deepfacegen import distributed
from deepfacegen.encoders import speaker
from deepfacegen.errors import UserError, did_you_mean
from deepfacegen.systems.protocol import LatentGenerator, Refiner, System, VoiceEncoder

# What the stage `baseline` trains; each is a folder whose module `train` has `train`, `save` and `load`.
BASELINES = ("svhf", "pins", "contrastive")
SYSTEMS = ("cgan", "speech2face", *BASELINES)
REFINERS = ("cyclegan",)
# The models (folders) that a system is made of: a judge of what it generates must not have taken part in any.
PARTS = {"cgan": ("voice", "cgan"), **{name: ("voice", "face", name) for name in (*SYSTEMS[1:], *REFINERS)}}


def module(name: str) -> Any:
    """The module with a system's `train`, `save` and `load`. It is imported only when its system is used, so
    a stage depends on the code of its own system. Raises UserError for an unknown name."""
    if name not in PARTS:
        raise UserError(
            f"{name}: unknown system (known: {', '.join(sorted(PARTS))}){did_you_mean(name, PARTS)}"
        )
    return import_module(f"deepfacegen.systems.{name}.{'refine' if name in REFINERS else 'train'}")


def load(name: str, models_dir: str | Path = "models", device: str | torch.device | None = None) -> System:
    """A trained system, ready to use. Raises UserError for an unknown name or a missing model."""
    if name not in SYSTEMS:
        raise UserError(
            f"{name}: unknown system (known: {', '.join(sorted(SYSTEMS))}){did_you_mean(name, SYSTEMS)}"
        )
    return module(name).load(Path(models_dir), _device(device))


def refiner(
    name: str, models_dir: str | Path = "models", device: str | torch.device | None = None
) -> Refiner:
    """A trained refiner, ready to use. Raises UserError for an unknown name or a missing model."""
    if name not in REFINERS:
        raise UserError(
            f"{name}: unknown refiner (known: {', '.join(sorted(REFINERS))}){did_you_mean(name, REFINERS)}"
        )
    return module(name).load(Path(models_dir), _device(device))


def latent_generator(
    models_dir: str | Path = "models", device: str | torch.device | None = None
) -> LatentGenerator:
    """The system `cgan` with its latent exposed. Raises UserError when a part of it is missing."""
    return module("cgan").load(Path(models_dir), _device(device))


def voice_encoder(
    models_dir: str | Path = "models", device: str | torch.device | None = None
) -> VoiceEncoder:
    """The trained voice encoder. Raises UserError when it is missing."""
    return speaker.load(Path(models_dir) / "voice", _device(device))


def _device(name: str | torch.device | None) -> torch.device:
    """Raises RuntimeError for one that is named and cannot be used, UserError for that of the environment."""
    return distributed.usable(name) if name is not None else distributed.device()
