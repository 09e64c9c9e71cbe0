"""What is fitted in closed form for Learnable PINs: which directions of voices and faces its small networks
see, and when two are one person's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.config.baselines import PinsConfig
from deepfacegen.data.batches import Manifest, evenly_spaced
from deepfacegen.data.shards import AudioShards, FaceShards, batched
from deepfacegen.encoders import speaker
from deepfacegen.systems.pins import networks
from deepfacegen.training import reduced_rank

FIT_FACES = 8192  # at most so many, evenly spaced, decide on the directions of faces
# Deviation of the pitch, where the entries of the speaker embedding have 1: one entry that predicts most.
PITCH = 3.0
# Faces uint8 [N, S, S, 3] -> features float32 [N, P] on the CPU.
Features = Callable[[np.ndarray], Tensor]


def prepare(
    config: PinsConfig,
    people: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: speaker.VoiceEncoder,
    features: Features,
) -> tuple[networks.Joint, np.ndarray, np.ndarray]:
    """The small networks with both projections fitted, and through these all windows [N, W, Y] and faces [M,
    K] of the training people."""
    windows = encoder.embed_windows(people.clips, audio)
    some = people.faces.iloc[evenly_spaced(len(people.faces), FIT_FACES)]
    found = torch.cat([features(photos.rows(part)) for part in batched(some, 512)])
    mean, matrix = directions(found.numpy(), some["label"].to_numpy(), config.directions)
    joint = networks.small(windows.shape[2], matrix.shape[0], matrix.shape[1], config.dim)
    _fill(joint.prepare_face, mean, matrix)
    pooled = reduced_rank.by_label(speaker.pool(windows).numpy(), people.clips["label"].to_numpy())
    spread = np.full(pooled.shape[1], (pooled - pooled.mean(axis=0))[:, :-1].std())
    spread[-1] = pooled[:, -1].std() / PITCH
    _fill(joint.prepare_voice, pooled.mean(axis=0), np.diag(1 / np.maximum(spread, 1e-6)))
    faces = [joint.prepare_face(features(photos.rows(part))) for part in batched(people.faces, 512)]
    return joint, joint.prepare_voice(windows).numpy(), torch.cat(faces).numpy()


def directions(found: np.ndarray, labels: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of faces [N, P] and their people [N] -> mean [P] and matrix [P, K]: principal directions
    between people, half whitened.

    As in `reduced_rank.principal`, each is scaled to the square root of its deviation; then all to a mean
    deviation of 1 over faces.
    """
    people = reduced_rank.by_label(found, np.unique(labels, return_inverse=True)[1])
    mean = people.mean(axis=0)
    _, size, across = np.linalg.svd(people - mean, full_matrices=False)
    keep = max(1, min(most, int((size > 1e-6 * size[0]).sum())))
    matrix = across[:keep].T / np.sqrt(size[:keep])
    return mean, matrix / max(float(np.sqrt(np.mean(((found - mean) @ matrix) ** 2))), 1e-12)


def _fill(projection: nn.Module, mean: np.ndarray, matrix: np.ndarray) -> None:
    projection.load_state_dict(
        {"mean": torch.from_numpy(mean).float(), "matrix": torch.from_numpy(matrix).float()}
    )


def equal_error_score(scores: np.ndarray, same: np.ndarray) -> float:
    """Scores [V, F] (higher = same person) and bool [V, F] -> the score at which as many pairs of one person
    fall below it as pairs of two reach it, as shares of either kind. Both kinds must be there."""
    own, others = np.sort(scores[same]), np.sort(scores[~same])
    at = np.concatenate([own, others])
    missed = np.searchsorted(own, at, side="left") / len(own)
    false = 1.0 - np.searchsorted(others, at, side="left") / len(others)
    return float(at[np.argmin(np.abs(missed - false))])
