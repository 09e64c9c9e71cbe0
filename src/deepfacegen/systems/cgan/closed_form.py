"""What is fitted in closed form before the first step: the condition, and the linear start of the
generator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.schema import TrainConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.encoders.gradients import SIDE_PX, oriented_gradients
from deepfacegen.encoders.speaker import pool
from deepfacegen.systems.cgan.linear_face import LinearFace
from deepfacegen.systems.condition import Condition, ProjectedCondition, WholeCondition
from deepfacegen.training import reduced_rank
from deepfacegen.training.pixels import from_pixels


def fit_condition(
    config: TrainConfig, described: Tensor, people: Manifest, photos: FaceShards
) -> tuple[Condition, float | None]:
    """The condition for these training people, and the cross-validated share of the variance of faces that
    voices explain (projected only)."""
    if config.architecture == "paper" or config.condition_dim == 0:
        return WholeCondition(described.shape[2] - 1), None
    voices = reduced_rank.by_label(pool(described).numpy(), people.clips["label"].to_numpy())
    chunks = [people.faces.iloc[i : i + 512] for i in range(0, len(people.faces), 512)]
    shapes = np.concatenate([_shapes(chunk, photos) for chunk in chunks])
    faces = reduced_rank.by_label(shapes, people.faces["label"].to_numpy())
    found = reduced_rank.fit(voices, reduced_rank.principal(faces), config.condition_dim, seed=config.seed)
    condition = ProjectedCondition(*found.matrix.shape)
    condition.mean.copy_(torch.from_numpy(found.mean))
    condition.matrix.copy_(torch.from_numpy(found.matrix))
    return condition, found.r2


def _shapes(faces: pd.DataFrame, photos: FaceShards) -> np.ndarray:
    """Rows of the faces table -> oriented gradients, float32 [N, P].

    Pixels would do worse: most of what they vary with is light, skin and hair, and the little that voices
    predict drowns in it.
    """
    pixels = torch.from_numpy(photos.gather(faces["shard"].to_numpy(), faces["row"].to_numpy()))
    return oriented_gradients(
        F.interpolate(from_pixels(pixels, pixels.shape[1]), (SIDE_PX, SIDE_PX), mode="area")
    ).numpy()


def fit_linear(
    linear: LinearFace,
    size_px: int,
    conditions: Tensor,
    people: Manifest,
    photos: FaceShards,
    limit: int = 4096,
) -> None:
    """Fit the linear start on training faces (evenly spaced ones if there are many), each with its person's
    mean condition."""
    voices = reduced_rank.by_label(conditions.numpy(), people.clips["label"].to_numpy())
    faces = people.faces.iloc[
        np.unique(np.linspace(0, len(people.faces) - 1, min(limit, len(people.faces))).astype(int))
    ]
    pixels = torch.from_numpy(photos.gather(faces["shard"].to_numpy(), faces["row"].to_numpy()))
    true = from_pixels(pixels, size_px)
    told_by = torch.from_numpy(voices[faces["label"].to_numpy()]).float()
    both_ways = torch.cat([true, true.flip(3)]), told_by.repeat(2, 1)
    linear.cpu().fit(*both_ways)
    linear.to(distributed.device())
