"""The loss of choosing: lists of candidates made of a batch, and a softmax over each (Nagrani et al.
2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen.systems.svhf.networks import Matcher


def lists(items: Tensor, ways: int) -> Tensor:
    """A batch [B, ...] cut into lists [B / ways, ways, ...]: item i is in list i modulo B / ways.

    Ranks of which each has every N-th item of a batch make the lists that one alone would make, if N divides
    their number.
    """
    return items.unflatten(0, (ways, -1)).transpose(0, 1)


def list_loss(
    matcher: Matcher, voices: Tensor, faces: Tensor, labels: Tensor, ways: int, reference_weight: float
) -> tuple[Tensor, Tensor]:
    """Vectors [B, C] of a voice and of a face of B people, labels [B] -> mean cross-entropy of choices, and
    the share of right ones.

    Every voice chooses among the faces of its list, and every face among its voices, with their mean as
    context and, with `reference_weight`, with the references. A candidate who is the same person once more (a
    list in which an epoch ends) is left out.
    """
    v, f, who = (lists(items, ways) for items in (voices, faces, labels))
    again = (who[:, :, None] == who[:, None, :]) & ~torch.eye(ways, dtype=torch.bool, device=who.device)
    among_faces, among_voices = matcher.which_face(v, f), matcher.which_voice(v, f).transpose(1, 2)
    choices = [(among_faces, 0.5), (among_voices, 0.5)]
    if reference_weight:
        pairs = matcher.pairs(v, f)
        choices += [(pairs, 0.5 * reference_weight), (pairs.transpose(1, 2), 0.5 * reference_weight)]
    own = torch.arange(ways, device=v.device).repeat(len(v))
    loss, right = torch.zeros((), device=v.device), torch.zeros((), device=v.device)
    for logits, weight in choices:
        rows = logits.float().masked_fill(again, float("-inf")).flatten(0, 1)
        share = weight / (1 + reference_weight)
        loss = loss + share * F.cross_entropy(rows, own)
        right = right + share * (rows.argmax(dim=1) == own).float().mean()
    return loss, right
