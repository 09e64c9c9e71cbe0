"""What SVHF-Net is trained on: a voice and a face of each person of a step, and how the people of a step make
lists to choose from."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from deepfacegen.config.baselines import SvhfConfig
from deepfacegen.data.batches import ByLabel, Clips, FaceBatches, mixed_windows
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.systems.svhf.match import SAMPLES
from deepfacegen.systems.svhf.tracks import video_of
from deepfacegen.training.steps import identity_order, seeded

TRIES = 4


class Step(NamedTuple):
    """People of a step: voices int16 [B, T], faces (or dynamic images) uint8 [B, S, S, 3], labels [B]; or
    float32 embeddings [B, Y] of either."""

    voices: np.ndarray
    faces: np.ndarray
    labels: np.ndarray


class Faces(Protocol):
    """Rows to draw from: still faces, their embeddings, or the dynamic images of tracks."""

    labels: np.ndarray
    video: np.ndarray

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Rows [B] -> uint8 [B, S, S, 3], or float32 [B, D]."""
        ...


class Stills:
    """The rows of a faces table: pictures, or their embeddings [N, D] if there are any."""

    def __init__(self, faces: pd.DataFrame, shards: FaceShards, embeddings: np.ndarray | None = None) -> None:
        self.labels, self.video = faces["label"].to_numpy(), video_of(faces["photo_id"])
        self.pictures, self.embeddings = FaceBatches(faces, shards), embeddings

    def gather(self, rows: np.ndarray) -> np.ndarray:
        return self.pictures.gather(rows) if self.embeddings is None else self.embeddings[rows]


class Steps:
    """step -> Step: one voice and one face of each identity, of this rank's part of the batch. People without
    a face in `faces` are left out.

    A face is from another video than the voice where the person has one (Nagrani et al.: else the two would
    share their surroundings). With `windows` [N, W, Y], embeddings of the windows of every clip, a voice is a
    random mixture of those of a clip; without, 3 s of speech.
    """

    def __init__(
        self,
        config: SvhfConfig,
        clips: pd.DataFrame,
        audio: AudioShards,
        faces: Faces,
        windows: np.ndarray | None,
    ) -> None:
        present = np.unique(faces.labels)
        self.order, self.faces = identity_order(config, len(present)), faces
        here = np.flatnonzero(np.isin(clips["label"].to_numpy(), present))
        self.windows = windows[here] if windows is not None else None
        clips = clips.iloc[here]
        self.clips = Clips(clips, audio)
        self.clip_of = ByLabel(np.searchsorted(present, clips["label"].to_numpy()))
        self.face_of = ByLabel(np.searchsorted(present, faces.labels))
        videos = clips["clip_id"].str.split("/").str[1].to_numpy(dtype=str)
        codes = np.unique(np.concatenate([videos, faces.video]), return_inverse=True)[1]
        self.clip_video, self.face_video = codes[: len(videos)], codes[len(videos) :]

    def __call__(self, step: int) -> Step:
        rng = np.random.default_rng([self.order.seed, 4, step, 0])
        labels, mine = self.order.whole(step), self.order.mine
        clips = self.clip_of.draw(labels, rng)
        faces = elsewhere(self.face_of, labels, self.face_video, self.clip_video[clips], rng)[mine]
        at = rng.random(len(labels))[mine]
        if self.windows is not None:
            voices = mixed_windows(self.windows, clips, rng, mine)
        else:
            voices = self.clips.crop_at(clips[mine], at, SAMPLES)
        return Step(voices, self.faces.gather(faces), labels[mine])


def elsewhere(
    rows: ByLabel, labels: np.ndarray, video: np.ndarray, not_from: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A row for each of the labels [B] whose `video` is not that of `not_from` [B], if a few tries find one:
    row numbers [B]."""
    found = rows.draw(labels, rng)
    for _ in range(TRIES):
        found = np.where(video[found] == not_from, rows.draw(labels, rng), found)
    return found


class Chance:
    """What is random about a step besides its people. All of it is sampled for the whole batch from (seed,
    step), and `mine` of it kept."""

    def __init__(self, config: SvhfConfig, step: int, mine: slice, device: torch.device) -> None:
        self.rng, self.size, self.mine, self.device = seeded(config.seed, step), config.batch, mine, device

    def uniform(self, columns: int) -> Tensor:
        """float32 [B, columns] in [0, 1)."""
        return torch.rand(self.size, columns, generator=self.rng)[self.mine].to(self.device)

    def normal(self, columns: int) -> Tensor:
        """float32 [B, columns] of mean 0 and deviation 1."""
        return torch.randn(self.size, columns, generator=self.rng)[self.mine].to(self.device)
