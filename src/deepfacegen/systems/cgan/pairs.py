"""The batches of the conditional GAN: a voice and a face of each person."""

from __future__ import annotations

import numpy as np

from deepfacegen.data.batches import ByLabel, FaceBatches, IdentityOrder, mixed_windows


class Pairs:
    """step -> (conditions [B, K], faces uint8 [B, S, S, 3], labels [B]): one voice and one face of each
    identity, of this rank's part of the batch. A voice is a random mixture of the windows of one clip."""

    def __init__(
        self, order: IdentityOrder, conditions: np.ndarray, clip_labels: np.ndarray, faces: FaceBatches
    ) -> None:
        self.order, self.conditions, self.faces = order, conditions, faces
        self.clips = ByLabel(clip_labels)

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 3, step, 0])
        labels, mine = self.order.whole(step), self.order.mine
        conditions = mixed_windows(self.conditions, self.clips.draw(labels, rng), rng, mine)
        return conditions, self.faces.draw(labels, rng, mine), labels[mine]
