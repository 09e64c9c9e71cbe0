"""Batches from the manifest: random access by identity, a pure function of (seed, step), so resuming needs no
sampler state."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.data.shards import AudioShards, FaceShards

SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True)
class Manifest:
    """The three tables of the `manifest` stage (docs/architecture.md)."""

    identities: pd.DataFrame
    clips: pd.DataFrame
    faces: pd.DataFrame

    @classmethod
    def read(cls, folder: str | Path = "data/manifest") -> Manifest:
        folder = Path(folder)
        return cls(
            *(pd.read_parquet(folder / f"{name}.parquet") for name in ("identities", "clips", "faces"))
        )

    def split(self, name: str) -> Manifest:
        """The part of one split: `train`, `val` or `test`."""
        return Manifest(
            *(t[t["split"] == name].reset_index(drop=True) for t in (self.identities, self.clips, self.faces))
        )


class ByLabel:
    """Draws one row of a table for each of many labels at once. Labels are 0..N-1 and each has at least one
    row."""

    def __init__(self, labels: np.ndarray) -> None:
        self.order = np.argsort(labels, kind="stable")
        self.count = np.bincount(labels)
        self.start = np.concatenate([[0], np.cumsum(self.count)[:-1]])

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """labels [B] -> row numbers [B]."""
        return self.order[
            self.start[labels] + (rng.random(len(labels)) * self.count[labels]).astype(np.int64)
        ]


class IdentityOrder:
    """Which identities are in which step: each epoch is a permutation, and ranks take disjoint parts of a
    step.

    Whatever is random about a batch is drawn for the whole of it, of which a rank keeps the items `mine`:
    however many ranks there are, they train on the same batches.
    """

    def __init__(self, identities: int, batch: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.identities, self.batch, self.seed = identities, batch, seed
        self.mine = slice(rank, None, world)

    def labels(self, step: int) -> np.ndarray:
        """Identity labels [batch / world] of this rank at this step."""
        return self.whole(step)[self.mine]

    def whole(self, step: int) -> np.ndarray:
        """Identity labels [batch] of all ranks at this step, cut from a stream of permutations."""
        positions = np.arange(step * self.batch, (step + 1) * self.batch)
        epochs = positions // self.identities
        labels = np.empty(len(positions), dtype=np.int64)
        for epoch in np.unique(epochs):
            permutation = np.random.default_rng([self.seed, 1, int(epoch)]).permutation(self.identities)
            here = epochs == epoch
            labels[here] = permutation[positions[here] % self.identities]
        return labels


class VoiceBatches:
    """Speech crops by identity: step -> (waveforms int16 [B, T], labels [B])."""

    def __init__(
        self, clips: pd.DataFrame, shards: AudioShards, order: IdentityOrder, crop_samples: int
    ) -> None:
        self.shards, self.order, self.crop_samples = shards, order, crop_samples
        self.by_label = ByLabel(clips["label"].to_numpy())
        self.shard, self.offset, self.length = (
            clips[c].to_numpy() for c in ("shard", "offset_samples", "length_samples")
        )

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 2, step, 0])
        labels, mine = self.order.whole(step), self.order.mine
        rows = self.by_label.draw(labels, rng)
        room = self.length[rows] - self.crop_samples
        starts = (rng.random(len(rows)) * np.maximum(room + 1, 1)).astype(np.int64)
        rows = rows[mine]
        return crop(
            self.shards,
            self.shard[rows],
            self.offset[rows],
            self.length[rows],
            starts[mine],
            self.crop_samples,
        ), labels[mine]


def crop(
    shards: AudioShards,
    shard: np.ndarray,
    offset: np.ndarray,
    length: np.ndarray,
    start: np.ndarray,
    samples: int,
) -> np.ndarray:
    """Crops [B, samples] int16 that begin `start` samples into each clip; a clip shorter than that is
    repeated to fill."""
    out = np.empty((len(shard), samples), dtype=np.int16)
    whole = length >= samples
    if whole.any():
        out[whole] = shards.gather(shard[whole], offset[whole] + start[whole], samples)
    for i in np.flatnonzero(~whole):
        out[i] = np.resize(shards.read(int(shard[i]), int(offset[i]), int(length[i])), samples)
    return out


def windows(length: np.ndarray, samples: int, count: int) -> np.ndarray:
    """Start of `count` evenly spaced windows in clips of `length` samples: [V] -> [V, count]."""
    room = np.maximum(length - samples, 0)
    return (room[:, None] * np.linspace(0.0, 1.0, count)[None, :]).astype(np.int64)


class FaceBatches:
    """Faces by identity, uint8 [B, S, S, 3]."""

    def __init__(self, faces: pd.DataFrame, shards: FaceShards) -> None:
        self.shards = shards
        self.by_label = ByLabel(faces["label"].to_numpy())
        self.shard, self.row = (faces[c].to_numpy() for c in ("shard", "row"))

    def draw(self, labels: np.ndarray, rng: np.random.Generator, mine: slice = slice(None)) -> np.ndarray:
        """A face for each of the labels [B]; only those `mine` are read and returned."""
        rows = self.by_label.draw(labels, rng)[mine]
        return self.shards.gather(self.shard[rows], self.row[rows])
