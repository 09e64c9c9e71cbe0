"""Batches from the manifest: random access by identity, a pure function of (seed, step), so resuming needs no
sampler state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.data.shards import AudioShards, FaceShards

SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True)
class Manifest:
    """The three tables of the `manifest` stage (docs/data-contract.md)."""

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

    Whatever is random about a batch is sampled for the whole of it, of which a rank keeps the items `mine`:
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


class Clips:
    """The speech of a clips table by row."""

    def __init__(self, table: pd.DataFrame, shards: AudioShards) -> None:
        self.shards = shards
        self.shard, self.offset, self.length = (
            table[c].to_numpy() for c in ("shard", "offset_samples", "length_samples")
        )

    def crop(self, rows: np.ndarray, start: np.ndarray, samples: int) -> np.ndarray:
        """rows [B], start [B] -> int16 [B, samples], as `crop`."""
        return crop(self.shards, self.shard[rows], self.offset[rows], self.length[rows], start, samples)

    def crop_at(self, rows: np.ndarray, at: np.ndarray, samples: int) -> np.ndarray:
        """rows [B], where each begins as a share `at` [B] in [0, 1) of all places -> int16 [B, samples]."""
        room = self.length[rows] - samples
        return self.crop(rows, (at * np.maximum(room + 1, 1)).astype(np.int64), samples)


class VoiceBatches:
    """Speech crops by identity: step -> (waveforms int16 [B, T], labels [B])."""

    def __init__(
        self, clips: pd.DataFrame, shards: AudioShards, order: IdentityOrder, crop_samples: int
    ) -> None:
        self.clips, self.order, self.crop_samples = Clips(clips, shards), order, crop_samples
        self.by_label = ByLabel(clips["label"].to_numpy())

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 2, step, 0])
        labels, mine = self.order.whole(step), self.order.mine
        rows = self.by_label.draw(labels, rng)
        at = rng.random(len(rows))
        return self.clips.crop_at(rows[mine], at[mine], self.crop_samples), labels[mine]


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


def cut_windows(voices: Sequence[np.ndarray], samples: int, count: int) -> np.ndarray:
    """`count` evenly spaced windows of each recording: int16 [V, count, samples], as `looped`."""
    starts = windows(np.array([len(v) for v in voices]), samples, count)
    return np.stack(
        [[looped(v, start, samples) for start in row] for v, row in zip(voices, starts, strict=True)]
    )


def looped(recording: np.ndarray, start: int, samples: int) -> np.ndarray:
    """int16 [samples] from `start` on; a recording that is shorter is repeated."""
    return np.resize(recording, samples) if len(recording) < samples else recording[start : start + samples]


def mixed_windows(
    windows: np.ndarray, clips: np.ndarray, rng: np.random.Generator, mine: slice = slice(None)
) -> np.ndarray:
    """Embeddings of the windows of all clips [N, W, Y], clips [B] -> a random mixture of the windows of each
    clip, float32 [B, Y], of which only `mine` are returned.

    It varies the embedding of a voice without running the voice encoder again.
    """
    weights = rng.dirichlet(np.ones(windows.shape[1]), len(clips)).astype(np.float32)[mine]
    return np.einsum("bw,bwy->by", weights, windows[clips[mine]])


def evenly_spaced(count: int, most: int) -> np.ndarray:
    """At most `most` evenly spaced rows of `count`: int64 [N]."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


class FaceBatches:
    """Faces by identity, uint8 [B, S, S, 3]."""

    def __init__(self, faces: pd.DataFrame, shards: FaceShards) -> None:
        self.shards = shards
        self.by_label = ByLabel(faces["label"].to_numpy())
        self.shard, self.row = (faces[c].to_numpy() for c in ("shard", "row"))

    def draw(self, labels: np.ndarray, rng: np.random.Generator, mine: slice = slice(None)) -> np.ndarray:
        """A face for each of the labels [B]; only those `mine` are read and returned."""
        return self.gather(self.by_label.draw(labels, rng)[mine])

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Rows [B] of the table -> uint8 [B, S, S, 3]."""
        return self.shards.gather(self.shard[rows], self.row[rows])
