"""What is fitted in closed form before the first step: the condition, and the latent of faces from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from deepfacegen.config.schema import TrainConfig
from deepfacegen.data.batches import Manifest, evenly_spaced
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.data.voiceless import Source
from deepfacegen.encoders.gradients import gradients_of
from deepfacegen.encoders.speaker import pool
from deepfacegen.systems.cgan.linear_latent import LinearLatent
from deepfacegen.systems.condition import Condition, PredictedCondition, WholeCondition
from deepfacegen.systems.prior.prior import Prior
from deepfacegen.training import reduced_rank

MOST_FACES = 20_000  # are enough to fit to, evenly spaced if there are more


def fit_condition(
    config: TrainConfig, windows: Tensor, people: Manifest, photos: FaceShards
) -> tuple[Condition, float | None]:
    """From the embeddings of all training clips [N, W, Y]: the condition, and the cross-validated share of
    the variance of faces that voices explain (predicted only).

    Faces are oriented gradients. Pixels would do worse: most of what they vary with is light, skin and hair,
    and the little that voices predict drowns in it.
    """
    if config.architecture == "paper" or config.condition_dim == 0:
        return WholeCondition(windows.shape[2] - 1), None
    voices = reduced_rank.by_label(pool(windows).numpy(), people.clips["label"].to_numpy())
    faces = _some(people.faces)
    labels = faces["label"].to_numpy()
    found = reduced_rank.predict(
        voices, shapes_of(faces, photos).astype(np.float64), labels, config.condition_dim, config.seed
    )
    condition = PredictedCondition(*found.matrix.shape)
    condition.mean.copy_(torch.from_numpy(found.mean))
    condition.matrix.copy_(torch.from_numpy(found.matrix))
    condition.face_mean.copy_(torch.from_numpy(found.face_mean))
    condition.face_matrix.copy_(torch.from_numpy(found.face_matrix))
    condition.spread.copy_(torch.from_numpy(np.linalg.cholesky(found.covariance)))
    return condition, found.r2


def fit_latent(
    latent: LinearLatent,
    prior: Prior,
    condition: Condition,
    conditions: Tensor,
    people: Manifest,
    photos: FaceShards,
    voiceless: Source | None = None,
) -> None:
    """Fit the latent of training faces to their condition: measured on each face, also of people without
    voices, or, for a condition that only voices have, their person's mean of the clips' `conditions` [N, K].
    """
    faces = _some(people.faces)
    latents = prior.latents(faces, photos)
    if isinstance(condition, PredictedCondition):
        own = condition.measure(torch.from_numpy(shapes_of(faces, photos)))
        if voiceless is not None:
            more = voiceless[0].iloc[evenly_spaced(len(voiceless[0]), MOST_FACES)]
            latents = torch.cat([latents, prior.latents(more, voiceless[1])])
            own = torch.cat([own, condition.measure(torch.from_numpy(shapes_of(more, voiceless[1])))])
    else:
        voices = reduced_rank.by_label(conditions.numpy(), people.clips["label"].to_numpy())
        own = torch.from_numpy(voices[faces["label"].to_numpy()]).float()
    latent.fit(latents, own)


def shapes_of(faces: pd.DataFrame, photos: FaceShards) -> np.ndarray:
    """Oriented gradients of the faces of a table, float32 [N, 1764]."""
    return np.concatenate([gradients_of(photos.rows(part)).numpy() for part in batched(faces, 512)])


def _some(faces: pd.DataFrame) -> pd.DataFrame:
    """At most MOST_FACES, and at least one of each person."""
    if len(faces) <= MOST_FACES:
        return faces
    spaced = np.zeros(len(faces), dtype=bool)
    spaced[evenly_spaced(len(faces), MOST_FACES)] = True
    return faces[spaced | ~faces["label"].duplicated().to_numpy()]
