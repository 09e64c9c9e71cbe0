"""What SVHF-Net is trained on: a voice and a face of each person of a step, and how the people of a step make
lists to choose from."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.baselines import SvhfConfig
from deepfacegen.data.batches import SAMPLE_RATE_HZ, ByLabel, IdentityOrder, crop
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.systems.svhf.tracks import video_of
from deepfacegen.training.loop import seeded

CROP_SECONDS = 3.0
TRIES = 4


class Step(NamedTuple):
    """People of a step: voices int16 [B, T], faces (or dynamic images) uint8 [B, S, S, 3], labels [B]; or
    float32 descriptions [B, Y] of either."""

    voices: np.ndarray
    faces: np.ndarray
    labels: np.ndarray


class Faces(Protocol):
    """Rows to draw from: still faces, what an encoder says of them, or the dynamic images of tracks."""

    labels: np.ndarray
    video: np.ndarray

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Rows [B] -> uint8 [B, S, S, 3], or float32 [B, D]."""
        ...


class Stills:
    """The rows of a faces table: pictures, or their descriptions [N, D] if there are any."""

    def __init__(self, faces: pd.DataFrame, shards: FaceShards, described: np.ndarray | None = None) -> None:
        self.labels, self.video, self.shards, self.described = (
            faces["label"].to_numpy(),
            video_of(faces["photo_id"]),
            shards,
            described,
        )
        self.shard, self.row = faces["shard"].to_numpy(), faces["row"].to_numpy()

    def gather(self, rows: np.ndarray) -> np.ndarray:
        return (
            self.described[rows]
            if self.described is not None
            else self.shards.gather(self.shard[rows], self.row[rows])
        )


class Steps:
    """step -> Step: one voice and one face of each identity, of this rank's part of the batch. People without
    a face in `faces` are left out.

    A face is from another video than the voice where the person has one (Nagrani et al.: else the two would
    share their surroundings). With `described` [N, W, Y], windows of every clip, a voice is a random mixture
    of the windows of a clip; without, 3 s of speech.
    """

    def __init__(
        self,
        config: SvhfConfig,
        clips: pd.DataFrame,
        audio: AudioShards,
        faces: Faces,
        described: np.ndarray | None,
    ) -> None:
        present = np.unique(faces.labels)
        self.order = IdentityOrder(
            len(present), config.batch, config.seed, distributed.rank(), distributed.world()
        )
        here = np.flatnonzero(np.isin(clips["label"].to_numpy(), present))
        self.audio, self.faces, self.described = (
            audio,
            faces,
            described[here] if described is not None else None,
        )
        clips = clips.iloc[here]
        self.shard, self.offset, self.length = (
            clips[c].to_numpy() for c in ("shard", "offset_samples", "length_samples")
        )
        self.clip_of = ByLabel(np.searchsorted(present, clips["label"].to_numpy()))
        self.face_of = ByLabel(np.searchsorted(present, faces.labels))
        heard = clips["clip_id"].str.split("/").str[1].to_numpy(dtype=str)
        codes = np.unique(np.concatenate([heard, faces.video]), return_inverse=True)[1]
        self.heard, self.seen = codes[: len(heard)], codes[len(heard) :]

    def __call__(self, step: int) -> Step:
        rng = np.random.default_rng([self.order.seed, 4, step, 0])
        labels, mine = self.order.whole(step), self.order.mine
        clips = self.clip_of.draw(labels, rng)
        faces = elsewhere(self.face_of, labels, self.seen, self.heard[clips], rng)[mine]
        clips, at = clips[mine], rng.random(len(labels))[mine]
        if self.described is not None:
            mixture = rng.dirichlet(np.ones(self.described.shape[1]), len(labels)).astype(np.float32)[mine]
            voices = np.einsum("bw,bwy->by", mixture, self.described[clips])
        else:
            samples = int(CROP_SECONDS * SAMPLE_RATE_HZ)
            start = (at * np.maximum(self.length[clips] - samples + 1, 1)).astype(np.int64)
            voices = crop(
                self.audio, self.shard[clips], self.offset[clips], self.length[clips], start, samples
            )
        return Step(voices, self.faces.gather(faces), labels[mine])


def elsewhere(
    rows: ByLabel, labels: np.ndarray, video: np.ndarray, not_from: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A row for each of the labels [B] whose `video` is not that of `not_from` [B], if a few draws find one:
    row numbers [B]."""
    drawn = rows.draw(labels, rng)
    for _ in range(TRIES):
        drawn = np.where(video[drawn] == not_from, rows.draw(labels, rng), drawn)
    return drawn


class Chance:
    """What is random about a step besides its people. All of it is drawn for the whole batch from (seed,
    step), and `mine` of it kept."""

    def __init__(self, config: SvhfConfig, step: int, mine: slice, device: torch.device) -> None:
        self.rng, self.size, self.mine, self.device = seeded(config.seed, step), config.batch, mine, device

    def uniform(self, columns: int) -> Tensor:
        """float32 [B, columns] in [0, 1)."""
        return torch.rand(self.size, columns, generator=self.rng)[self.mine].to(self.device)

    def normal(self, columns: int) -> Tensor:
        """float32 [B, columns] of mean 0 and deviation 1."""
        return torch.randn(self.size, columns, generator=self.rng)[self.mine].to(self.device)
