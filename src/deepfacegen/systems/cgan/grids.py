"""Sample grids while a system trains: the same held-out voices every time, true face first, then drawn
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
from deepfacegen.systems.cgan.train import Cgan
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
    """Draws validation people (training people if there are none) every `sample_every` steps into
    `<folder>/000500.png`."""

    def __init__(
        self,
        config: TrainConfig,
        encoder: VoiceEncoder,
        manifest: Manifest,
        audio: AudioShards,
        photos: FaceShards,
        folder: Path,
        people: int = 8,
        draws: int = 4,
    ) -> None:
        held_out = manifest.split("val")
        if held_out.identities.empty:
            held_out = manifest.split("train")
        chosen = held_out.identities["identity_id"].iloc[:people]
        clips = (
            held_out.clips.drop_duplicates("identity_id").set_index("identity_id").loc[chosen].reset_index()
        )
        faces = held_out.faces.drop_duplicates("identity_id").set_index("identity_id").loc[chosen]
        true = torch.from_numpy(photos.gather(faces["shard"].to_numpy(), faces["row"].to_numpy()))
        self.true = to_pixels(from_pixels(true, config.image_size_px))
        self.embedded = pool(encoder.embed_windows(clips, audio))
        self.config, self.encoder, self.folder, self.draws = config, encoder, folder, draws

    def after(self, step: int, condition: Condition, generator: nn.Module) -> None:
        """Called after every step (0-based); draws when it is time, and after the last."""
        if (step + 1) % self.config.sample_every and step + 1 != self.config.steps:
            return
        system = Cgan(self.encoder, condition, generator, to_dict(self.config), self.encoder.device)
        drawn = system.draw(self.embedded, self.draws, self.config.seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        sheet = grid(np.concatenate([self.true[:, None], drawn], axis=1).transpose(1, 0, 2, 3, 4))
        Image.fromarray(sheet).save(self.folder / f"{step + 1:06d}.png")
