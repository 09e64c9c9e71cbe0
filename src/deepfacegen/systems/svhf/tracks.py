"""Face tracks of videos, and their dynamic images: one picture that says how a face moves (Bilen et al., CVPR
2016)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepfacegen.data.shards import FaceShards


def rank_weights(frames: int) -> np.ndarray:
    """Weights of the frames, float64 [T], that sum to zero: approximate rank pooling, alpha_t = 2 (T - t + 1)
    - (T + 1) (H_T - H_{t-1}).

    They are the first step of learning to rank the running means of the frames by time; H are harmonic
    numbers, t = 1..T.
    """
    if frames < 2:
        raise ValueError(f"a dynamic image takes at least two frames, not {frames}")
    t = np.arange(1, frames + 1)
    rest = np.cumsum((1 / t)[::-1])[::-1]  # H_T - H_{t-1}
    return 2 * (frames - t + 1) - (frames + 1) * rest


def dynamic_images(frames: np.ndarray) -> np.ndarray:
    """uint8 [..., T, S, S, 3] -> uint8 [..., S, S, 3]: the weighted sum of the frames, stretched to 0..255.
    Where nothing moves it is grey (128)."""
    weights = rank_weights(frames.shape[-4]).astype(np.float32)
    pooled = np.einsum("...thwc,t->...hwc", frames.astype(np.float32), weights)
    low, high = (f(pooled, axis=(-3, -2, -1), keepdims=True) for f in (np.min, np.max))
    moved = high - low > 1e-2
    stretched = np.where(moved, (pooled - low) / np.where(moved, high - low, 1.0) * 255.0, 128.0)
    return np.rint(stretched).astype(np.uint8)


def spread(counts: np.ndarray, frames: int) -> np.ndarray:
    """Which of a track's `counts` [N] frames stand for it: `frames` evenly spaced ones, int64 [N, frames].
    Short tracks repeat theirs."""
    return np.rint(np.linspace(0.0, 1.0, frames)[None, :] * (counts[:, None] - 1)).astype(np.int64)


def video_of(photo_ids: pd.Series) -> np.ndarray:
    """The video that each face was taken from, str [N] (`<face_id>/<video>/<clip>#<frame>`); "" for
    photographs."""
    ids = photo_ids.to_numpy(dtype=str)
    if not len(ids):  # numpy cannot partition nothing
        return ids
    of_video = np.char.find(ids, "#") >= 0
    return np.where(of_video, np.char.partition(np.char.partition(ids, "/")[:, 2], "/")[:, 0], "")


class Tracks:
    """The tracks of at least two frames in a faces table, each with the `labels` and the `video` of its
    person: a row is a track."""

    def __init__(self, faces: pd.DataFrame, shards: FaceShards, frames: int) -> None:
        self.shards, self.frames = shards, frames
        kept = faces[faces["photo_id"].str.contains("#", regex=False)].sort_values("photo_id", kind="stable")
        kept = kept.assign(track=kept["photo_id"].str.split("#").str[0], video=video_of(kept["photo_id"]))
        sizes = kept.groupby("track", sort=False)["track"].transform("size")
        kept = kept[sizes > 1].reset_index(drop=True)
        first = ~kept["track"].duplicated()
        self.start = np.flatnonzero(first)
        self.count = np.diff(np.append(self.start, len(kept)))
        self.labels = kept.loc[first, "label"].to_numpy()
        self.video = kept.loc[first, "video"].to_numpy(dtype=str)
        self.table = kept[["shard", "row"]]

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Tracks [B] -> their dynamic images, uint8 [B, S, S, 3]."""
        frames = (self.start[rows][:, None] + spread(self.count[rows], self.frames)).reshape(-1)
        pictures = self.shards.rows(self.table.iloc[frames])
        return dynamic_images(pictures.reshape(len(rows), self.frames, *pictures.shape[1:]))
