"""What is fitted in closed form before the first step: the condition, and the linear start of the
generator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.schema import TrainConfig
from deepfacegen.data.batches import Manifest, evenly_spaced
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.encoders.gradients import gradients_of
from deepfacegen.encoders.speaker import pool
from deepfacegen.systems.cgan.linear_face import LinearFace
from deepfacegen.systems.condition import Condition, ProjectedCondition, WholeCondition
from deepfacegen.training import reduced_rank
from deepfacegen.training.pixels import from_pixels


def fit_condition(
    config: TrainConfig, windows: Tensor, people: Manifest, photos: FaceShards
) -> tuple[Condition, float | None]:
    """From the embeddings of all training clips [N, W, Y]: the condition, and the cross-validated share of
    the variance of faces that voices explain (projected only).

    Faces are oriented gradients. Pixels would do worse: most of what they vary with is light, skin and hair,
    and the little that voices predict drowns in it.
    """
    if config.architecture == "paper" or config.condition_dim == 0:
        return WholeCondition(windows.shape[2] - 1), None
    voices = reduced_rank.by_label(pool(windows).numpy(), people.clips["label"].to_numpy())
    shapes = np.concatenate([gradients_of(photos.rows(part)).numpy() for part in batched(people.faces, 512)])
    faces = reduced_rank.by_label(shapes, people.faces["label"].to_numpy())
    found = reduced_rank.fit(voices, reduced_rank.principal(faces), config.condition_dim, seed=config.seed)
    condition = ProjectedCondition(*found.matrix.shape)
    condition.mean.copy_(torch.from_numpy(found.mean))
    condition.matrix.copy_(torch.from_numpy(found.matrix))
    return condition, found.r2


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
    faces = people.faces.iloc[evenly_spaced(len(people.faces), limit)]
    real = from_pixels(torch.from_numpy(photos.rows(faces)), size_px)
    condition = torch.from_numpy(voices[faces["label"].to_numpy()]).float()
    linear.cpu().fit(torch.cat([real, real.flip(3)]), condition.repeat(2, 1))
    linear.to(distributed.device())
