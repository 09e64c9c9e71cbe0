"""Batches for the conditional CycleGAN, a pure function of (seed, step): photos that become low-res, and
photos of other people."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.batches import FaceBatches, IdentityOrder
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.training.augment import DRAWS
from deepfacegen.training.pixels import from_pixels

Batch = dict[str, np.ndarray]


def chunks(
    size_px: int, faces: pd.DataFrame, photos: FaceShards, attributes: np.ndarray
) -> Iterator[tuple[Tensor, Tensor]]:
    """Photos [n, 3, size, size] in [-1, 1] with their attributes [n, K], some at a time."""
    for rows, known in zip(batched(faces, 64), batched(attributes, 64), strict=True):
        yield from_pixels(torch.from_numpy(photos.rows(rows)), size_px), torch.from_numpy(known)


class Batches:
    """step -> this rank's part of a batch of two halves, photos of different people (but where two rounds of
    all people meet).

    `given` uint8 [H, S, S, 3] are to be reduced and generated again with the attributes `condition` [H, K]
    and the identity `who` [H, D]: their own attributes and another photo of the same person, or, where
    `changed` [H], another person's. `real` [H, S, S, 3] have `attributes`, not `wrong`, and are of `whose`
    [H, D]. `chance` [H, DRAWS] are numbers in [0, 1) by which generated faces are changed before they are
    verified.
    """

    def __init__(
        self,
        config: CycleganConfig,
        order: IdentityOrder,
        faces: pd.DataFrame,
        photos: FaceShards,
        attributes: np.ndarray,
        known: np.ndarray,
    ) -> None:
        self.config, self.order, self.attributes, self.known = config, order, attributes, known
        self.faces = FaceBatches(faces, photos)

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.order.seed, 4, step])
        half = self.config.batch // 2
        labels, mine = self.order.whole(step), self.order.mine
        # Another photo of the same person, or the same if there is one.
        rows, others = (self.faces.by_label.draw(labels, rng) for _ in range(2))
        given, real = rows[:half], rows[half:]
        changed = np.arange(half) < round(self.config.changed_share * half)
        attributes_of = np.where(changed, np.roll(given, 1), given)
        who = np.where(changed, np.roll(others[:half], 1), others[:half])
        unknown = rng.random((2, half)) < self.config.identity_unknown
        flips = rng.random((2, half)) < 0.5
        whole: Batch = {
            "condition": self.attributes[attributes_of],
            "who": np.where(unknown[0][:, None], np.float32(0), self.known[who]),
            "changed": changed,
            "attributes": self.attributes[real],
            "wrong": self.attributes[np.roll(real, 1)],
            "whose": np.where(unknown[1][:, None], np.float32(0), self.known[others[half:]]),
            "given_flip": flips[0],
            "real_flip": flips[1],
            "chance": rng.random((half, DRAWS), dtype=np.float32),
        }
        pictures = {"given": self.faces.gather(given[mine]), "real": self.faces.gather(real[mine])}
        return {name: value[mine] for name, value in whole.items()} | pictures
