"""The conditional GAN's faces, drawn larger by the conditional CycleGAN: two systems that were trained apart,
as one that draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from deepfacegen.errors import UserError
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cyclegan import refine as cyclegan


class Enlarged:
    """Draws faces of `size_px` from voices.

    What voices tell of the refiner's attributes is taken from the voice, the others from what the drawn face
    seems to show. Beyond the size that the refiner was trained for, faces are only interpolated.
    """

    def __init__(self, drawer: cgan.Cgan, refiner: cyclegan.Refiner, size_px: int) -> None:
        self.drawer, self.refiner, self.size_px = drawer, refiner, size_px

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        """int16 arrays, 16 kHz mono -> uint8 [V, n, size, size, 3]; the faces that the conditional GAN draws
        with this seed, larger."""
        described = self.drawer.encoder.embed(voices)
        return cyclegan.enlarge(self.refiner, self.drawer.draw(described, n, seed), described, self.size_px)


def load(models_dir: Path, device: torch.device, size_px: int) -> Enlarged:
    """Raises UserError if a model is missing, if two of them do not fit together, or if faces are drawn as
    large as that anyway."""
    drawer, folder = cgan.load(models_dir, device), models_dir / "cyclegan"
    drawn_px = drawer.image_size_px
    if size_px <= drawn_px:
        raise UserError(
            f"{models_dir / 'cgan'}: draws faces of {drawn_px} px, so there is nothing to enlarge to {size_px} px"
        )
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder}: no trained refiner there, which larger faces need; run its stage first (dvc repro refine)"
        )
    refiner = cyclegan.load(models_dir, device)
    if drawn_px % refiner.low_px:
        raise UserError(
            f"{folder}: takes faces of {refiner.low_px} px or a multiple, not those of {drawn_px} px that {models_dir / 'cgan'} draws; "
            "choose another cyclegan.scale and run its stage again (dvc repro refine)"
        )
    if refiner.voice is not None and refiner.voice.in_features != drawer.encoder.dim:
        raise UserError(
            f"{folder}: was trained with another voice encoder than {models_dir / 'voice'}; run its stage again (dvc repro refine)"
        )
    return Enlarged(drawer, refiner, size_px)
