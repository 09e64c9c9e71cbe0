"""Sample grids while a system trains: the same held-out voices every time, real face first, then generated
ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from deepfacegen.config.schema import TrainConfig, to_dict
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders.speaker import VoiceEncoder, pool
from deepfacegen.systems.cgan.generate import Cgan
from deepfacegen.systems.condition import Condition
from deepfacegen.training.pixels import from_pixels, to_pixels


def grid(rows: np.ndarray, gap_px: int = 2) -> np.ndarray:
    """uint8 [R, C, S, S, 3] -> one picture with white gaps, uint8 [H, W, 3]."""
    r, c, s = rows.shape[:3]
    sheet = np.full((r * (s + gap_px) - gap_px, c * (s + gap_px) - gap_px, 3), 255, dtype=np.uint8)
    for i in range(r):
        for j in range(c):
            y, x = i * (s + gap_px), j * (s + gap_px)
            sheet[y : y + s, x : x + s] = rows[i, j]
    return sheet


class SampleGrid:
    """A picture of validation people (training people if there are none) every `sample_every` steps:
    `<folder>/000500.png`."""

    def __init__(
        self,
        config: TrainConfig,
        image_size_px: int,
        encoder: VoiceEncoder,
        manifest: Manifest,
        audio: AudioShards,
        photos: FaceShards,
        folder: Path,
        people: int = 8,
        samples: int = 4,
    ) -> None:
        held_out = manifest.split("val")
        if held_out.identities.empty:
            held_out = manifest.split("train")
        chosen = held_out.identities["identity_id"].iloc[:people]
        clips, faces = (
            table.drop_duplicates("identity_id").set_index("identity_id").loc[chosen].reset_index()
            for table in (held_out.clips, held_out.faces)
        )
        real = torch.from_numpy(photos.rows(faces))
        self.real = to_pixels(from_pixels(real, image_size_px))
        self.embeddings = pool(encoder.embed_windows(clips, audio)).numpy()
        self.config, self.image_size_px, self.encoder = config, image_size_px, encoder
        self.folder, self.samples = folder, samples

    def after(self, step: int, condition: Condition, generator: nn.Module) -> None:
        """Called after every step (0-based); saves a picture when it is time, and after the last."""
        if (step + 1) % self.config.sample_every and step + 1 != self.config.steps:
            return
        params, size = to_dict(self.config), self.image_size_px
        system = Cgan(self.encoder, condition, generator, params, size, self.encoder.device)
        generated = system.generate_from(self.embeddings, system.latents(self.samples, self.config.seed))
        self.folder.mkdir(parents=True, exist_ok=True)
        sheet = grid(np.concatenate([self.real[:, None], generated], axis=1).transpose(1, 0, 2, 3, 4))
        Image.fromarray(sheet).save(self.folder / f"{step + 1:06d}.png")
