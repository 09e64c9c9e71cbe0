"""The published algorithm of Wen et al. 2019, statement by statement: what `train_step.py` measures this
project's step beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from deepfacegen.config.schema import TrainConfig
from deepfacegen.data.shards import write_array
from deepfacegen.encoders.speaker_networks import WenEncoder
from deepfacegen.systems.cgan.paper_networks import WenDiscriminator, WenGenerator

# Training people and speech segments of the paper.
IDENTITIES, CLIPS = 924, 113_322
SIZE_PX, FILES = 64, 256
STORED_FRAMES, CROP_FRAMES, FRAMES, BANDS, DIM = (
    1000,
    800,
    550,
    64,
    64,
)  # 550: the middle of the published 300 to 800
# The settings of the paper, as in params/paper.yaml.
PAPER = TrainConfig(
    architecture="paper",
    lr=2e-4,
    beta1=0.5,
    beta2=0.999,
    adversary_from=0,
    ema_steps=0,
    r1_weight=0,
    mismatch_weight=0,
    identity_weight=1,
    feature_weight=0,
    pixel_weight=0,
    condition_noise=0.05,
)


def write_files(folder: Path, faces: np.ndarray, rng: np.random.Generator) -> None:
    """What the literal step reads, one file each: log-mel features, and pictures of the first of `faces`
    uint8 [N, S, S, 3]."""
    for i in range(FILES):
        write_array(
            folder / "features" / f"{i}.npy", rng.normal(size=(STORED_FRAMES, BANDS)).astype(np.float32)
        )
        Image.fromarray(faces[i]).save(folder / f"{i}.jpg", quality=95)


@dataclass(frozen=True)
class Voices:
    """Item -> (log-mel [64, 800], label): a whole file is read, and a piece is cut from it."""

    folder: Path

    def __len__(self) -> int:
        return CLIPS

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        mel = np.load(self.folder / "features" / f"{item % FILES}.npy").T
        start = np.random.randint(0, STORED_FRAMES - CROP_FRAMES + 1)
        return torch.from_numpy(np.ascontiguousarray(mel[:, start : start + CROP_FRAMES])), item % IDENTITIES


@dataclass(frozen=True)
class Faces:
    """Item -> (face [3, 64, 64] in [-1, 1], label): a picture is read, shrunk, and mirrored half of the
    time."""

    folder: Path

    def __len__(self) -> int:
        return CLIPS

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        with Image.open(self.folder / f"{item % FILES}.jpg") as picture:
            face = np.asarray(picture.convert("RGB").resize((SIZE_PX, SIZE_PX))).transpose(2, 0, 1)
        face = face[:, :, ::-1] if np.random.rand() < 0.5 else face
        return torch.from_numpy((face.astype(np.float32) - 127.5) / 127.5), item % IDENTITIES


class Literal:
    """One step of the algorithm with the settings of `config`; float32, contiguous tensors, the layers as
    torch computes them."""

    def __init__(self, folder: Path, config: TrainConfig, device: torch.device) -> None:
        self.config, self.device, self.waited_seconds = config, device, 0.0
        self.voice = WenEncoder(DIM).to(device).eval()
        self.generator, self.face = WenGenerator(DIM).to(device), WenDiscriminator(IDENTITIES, DIM).to(device)
        betas = (config.beta1, config.beta2)
        self.draws, self.judges = (
            torch.optim.Adam(n.parameters(), config.lr, betas) for n in (self.generator, self.face)
        )
        # Voices and faces come independently, each from one worker.
        self.voices, self.faces = self._batches(Voices(folder)), self._batches(Faces(folder))

    def _batches(self, items: Any) -> Iterator[list[Tensor]]:
        return iter(
            DataLoader(
                items,
                self.config.batch,
                shuffle=True,
                drop_last=True,
                num_workers=1,
                multiprocessing_context="fork",
            )
        )

    def draw(self, embedding: Tensor) -> Tensor:
        return self.generator.layers(embedding[:, :, None, None])

    def trunk(self, faces: Tensor) -> Tensor:
        return self.face.embed(self.face.stages(faces)).flatten(1)

    def real_or_fake(self, faces: Tensor, real: float) -> Tensor:
        said = torch.sigmoid(self.face.real(self.trunk(faces)))
        return F.binary_cross_entropy(said, torch.full_like(said, real))

    def who(self, faces: Tensor, labels: Tensor) -> Tensor:
        return F.nll_loss(F.log_softmax(self.face.identity(self.trunk(faces)), dim=1), labels)

    def step(self) -> None:
        began = perf_counter()
        (mel, voice_labels), (real, face_labels) = next(self.voices), next(self.faces)
        self.waited_seconds += perf_counter() - began
        mel, voice_labels, real, face_labels = (
            t.to(self.device) for t in (mel[:, :, :FRAMES], voice_labels, real, face_labels)
        )
        embedding = F.normalize(self.voice(mel), dim=1)
        embedding = F.normalize(
            embedding + self.config.condition_noise * torch.randn(embedding.shape).to(self.device), dim=1
        )
        drawn = self.draw(embedding)
        self.judges.zero_grad()
        (
            self.real_or_fake(real, 1) + self.real_or_fake(drawn.detach(), 0) + self.who(real, face_labels)
        ).backward()
        self.judges.step()
        self.draws.zero_grad()
        (self.real_or_fake(drawn, 1) + self.who(drawn, voice_labels)).backward()
        self.draws.step()
