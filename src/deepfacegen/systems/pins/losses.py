"""Pairs against negatives of growing hardness (Nagrani, Albanie and Zisserman, Learnable PINs, ECCV 2018):
mining, its curriculum, and the loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from deepfacegen import distributed

NEAREST = 1e-6  # squared distances below this count as this: the root has no slope at zero


def distances(left: Tensor, right: Tensor) -> Tensor:
    """Euclidean distances of unit vectors [A, D], [B, D] -> [A, B], in [0, 2]; differentiable also where two
    vectors coincide."""
    return (2.0 - 2.0 * left @ right.T).clamp(min=NEAREST).sqrt()


@torch.no_grad()
def mine(distances: Tensor, same: Tensor, tau: float, no_harder_than: Tensor | None = None) -> Tensor:
    """The negative of each anchor: distances [A, B] and `same` bool [A, B] (no negatives) -> columns, int64
    [A].

    An anchor's n negatives are sorted from easy (far) to hard (near), and the one at the quantile `tau` in
    (0, 1] is taken: the ceil(tau n)-th. What is returned is the *column* of that item, not its place in the
    sorted order. `no_harder_than` [A]: none nearer than this is taken, be it the distance of the anchor's own
    pair (semi-hard); where all are nearer, the easiest is. Of equally far ones the first comes first. An
    anchor without negatives gets a column that is `same`.
    """
    # What is no negative comes first, so an anchor's k-th negative is the k-th place behind it.
    order = distances.masked_fill(same, torch.inf).argsort(dim=1, descending=True, stable=True)
    positives = same.sum(dim=1)
    negatives = distances.shape[1] - positives
    # The small number keeps a product such as 0.7 * 10 from being rounded up to 8.
    place = torch.ceil(tau * negatives.double() - 1e-9).long() - 1
    if no_harder_than is not None:
        easier = ((distances >= no_harder_than[:, None]) & ~same).sum(dim=1)
        place = torch.minimum(place, easier - 1)
    place = (place.clamp(min=0) + positives).clamp(max=distances.shape[1] - 1)
    return order.gather(1, place[:, None]).squeeze(1)


def curriculum(step: int, first: float, last: float, rise: float, every: int) -> float:
    """tau at a step (0-based): `first`, raised by `rise` after each `every` steps, up to `last` (paper: 0.3,
    by 0.1 every two epochs, 0.8)."""
    return min(last, first + rise * (step // every))


def contrastive(
    distances: Tensor, own: Tensor, same: Tensor, tau: float, margin: float, semi_hard: bool = True
) -> tuple[Tensor, Tensor]:
    """y D^2 + (1 - y) max(0, margin - D)^2 over each anchor's own pair (y = 1) and its mined negative (y =
    0): the means of both terms.

    distances [A, B]; `own` int64 [A] is the column of the anchor's own item, `same` bool [A, B] what must not
    be a negative. With `semi_hard` no negative is nearer than the own pair (`mine`). An anchor without
    negatives has no second term.
    """
    pull = distances.gather(1, own[:, None]).squeeze(1)
    chosen = mine(distances.detach(), same, tau, pull.detach() if semi_hard else None)
    push = (margin - distances.gather(1, chosen[:, None]).squeeze(1)).clamp(min=0.0)
    has = ~same.gather(1, chosen[:, None]).squeeze(1)
    return pull.square().mean(), (push.square() * has).mean()


def whole(part: Tensor) -> Tensor:
    """The rows of the whole batch [B, D] from this rank's [B / world, D], as `distributed.gather`; the
    gradients of all ranks come back.

    Losses are averaged over ranks (`distributed.sync_gradients`), so a rank's rows get the sum of what every
    rank's loss says of them.
    """
    return _Whole.apply(part) if distributed.world() > 1 else part  # type: ignore[no-untyped-call]


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        return distributed.gather(part)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return distributed.part(distributed.mean(gradients[0].contiguous())) * distributed.world()
