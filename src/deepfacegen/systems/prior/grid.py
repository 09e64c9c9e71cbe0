"""A picture of a prior: held-out faces, their reconstructions, and faces of random latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.systems.cgan.grids import grid
from deepfacegen.systems.prior.prior import Prior
from deepfacegen.training.pixels import from_pixels, to_pixels
from deepfacegen.training.steps import seeded

FACES = 12


@torch.inference_mode()
def write(folder: Path, prior: Prior, manifest: Manifest, photos: FaceShards) -> None:
    """`<folder>/prior.png`: a row of real faces of validation people (training people if there are none), a
    row of their reconstructions, two of random latents."""
    held_out = manifest.split("val").faces
    if held_out.empty:
        held_out = manifest.split("train").faces
    faces = held_out.drop_duplicates("identity_id").iloc[:FACES]
    device = next(prior.synthesis.parameters()).device
    real = from_pixels(torch.from_numpy(photos.rows(faces)), prior.sizes.image_size_px)
    latents = prior.latents(faces, photos)
    random = torch.randn(2 * len(faces), latents.shape[1], generator=seeded(0, 0))
    generated = prior.faces(torch.cat([latents, random]).to(device))
    rows = np.concatenate([to_pixels(real), to_pixels(generated)])
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid(rows.reshape(4, len(faces), *rows.shape[1:]))).save(folder / "prior.png")
