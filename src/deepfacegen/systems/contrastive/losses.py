"""The losses of heads that bring two modalities together, each averaged over the items of a batch that a head
may learn from."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Of a pair that does not count. Its share of a softmax over scaled cosines is 0, and it is finite: so are the
# gradients where nothing counts.
HIDDEN = -1e4


def multi_positive(logits: Tensor, people: Tensor, inside: Tensor) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018; both ways as in CLIP, Radford et al. 2021) with several
    positives per item.

    logits [M, B, B] of M heads, voices by faces; people [B]: whose the i-th voice and the i-th face are;
    inside bool [M, B]: the items that a head may learn from. An item's loss is -log of the softmax's share
    that falls on all items of its person.
    """
    same = people[:, None] == people[None, :]
    return 0.5 * (_one_way(logits, same, inside) + _one_way(logits.transpose(1, 2), same, inside))


def _one_way(logits: Tensor, same: Tensor, inside: Tensor) -> Tensor:
    seen = logits.masked_fill(~inside[:, None, :], HIDDEN)
    own = seen.masked_fill(~same, HIDDEN)
    loss = (torch.logsumexp(seen, dim=2) - torch.logsumexp(own, dim=2)).masked_fill(~inside, 0.0)
    return (loss.sum(dim=1) / inside.sum(dim=1).clamp(min=1)).mean()


def covariates(logits: Tensor, codes: Tensor, inside: Tensor) -> Tensor:
    """Cross-entropy of a covariate (Wen et al. 2018): logits [M, B, C], codes [B] with -1 where it is not
    listed, inside bool [M, B]."""
    known = inside & (codes >= 0)
    loss = F.cross_entropy(
        logits.transpose(1, 2), codes.clamp(min=0).expand(len(logits), -1), reduction="none"
    )
    return (loss * known).sum() / known.sum().clamp(min=1)
