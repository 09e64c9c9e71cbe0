"""The conditional GAN's faces, enlarged by the conditional CycleGAN: two systems, trained apart, as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from deepfacegen.errors import UserError
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cyclegan import refine as cyclegan


class Enlarged:
    """Generates faces of `size_px` from voices.

    The refiner's attributes that voices predict come from the voice, the others from what the generated face
    seems to have. Beyond the size that the refiner was trained for, faces are only interpolated.
    """

    def __init__(self, generator: cgan.Cgan, refiner: cyclegan.Refiner, size_px: int) -> None:
        self.generator, self.refiner, self.size_px = generator, refiner, size_px

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        """int16 arrays, 16 kHz mono -> uint8 [V, n, size, size, 3]; the faces that the conditional GAN
        generates with this seed, larger."""
        embeddings = self.generator.embed(voices)
        faces = self.generator.generate_from(embeddings, self.generator.latents(n, seed))
        return cyclegan.enlarge(self.refiner, faces, torch.from_numpy(embeddings), self.size_px)


def load(models_dir: Path, device: torch.device, size_px: int) -> Enlarged:
    """Raises UserError if a model is missing, if two of them do not fit together, or if faces are
    generated as large as that anyway."""
    generator, folder = cgan.load(models_dir, device), models_dir / "cyclegan"
    generated_px = generator.image_size_px
    if size_px <= generated_px:
        raise UserError(
            f"{models_dir / 'cgan'}: generates faces of {generated_px} px, "
            f"so there is nothing to enlarge to {size_px} px"
        )
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder}: no trained refiner there, which larger faces need; "
            "run its stage first (dvc repro refine)"
        )
    refiner = cyclegan.load(models_dir, device)
    if generated_px % refiner.low_px:
        raise UserError(
            f"{folder}: takes faces of {refiner.low_px} px or a multiple, not those of {generated_px} px "
            f"that {models_dir / 'cgan'} generates; choose another cyclegan.scale "
            "and run its stage again (dvc repro refine)"
        )
    if refiner.voice is not None and refiner.voice.in_features != generator.encoder.dim:
        raise UserError(
            f"{folder}: was trained with another voice encoder than {models_dir / 'voice'}; "
            "run its stage again (dvc repro refine)"
        )
    return Enlarged(generator, refiner, size_px)
