"""The losses of the adversarial game, each a plain function of tensors, averaged over the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def real_loss(logits: Tensor) -> Tensor:
    """-log sigmoid: what D wants of real faces with their own voice, and G of generated ones (Goodfellow et
    al. 2014, non-saturating)."""
    return F.softplus(-logits).mean()


def fake_loss(logits: Tensor) -> Tensor:
    """-log(1 - sigmoid): what D wants of generated faces, and of real faces with another's voice."""
    return F.softplus(logits).mean()


def gradient_penalty(logits: Tensor, faces: Tensor) -> Tensor:
    """R1: half the squared gradient of D at real faces (Mescheder et al. 2018). `faces` must require
    gradients."""
    (gradient,) = torch.autograd.grad(logits.sum(), faces, create_graph=True)
    return 0.5 * gradient.square().sum(dim=(1, 2, 3)).mean()


def feature_loss(generated: list[Tensor], real: list[Tensor]) -> Tensor:
    """Mean absolute distance between feature maps of generated and real faces, averaged over layers; `real`
    carries no gradient."""
    return torch.stack([F.l1_loss(a, b.detach()) for a, b in zip(generated, real, strict=True)]).mean()


def pyramid_loss(generated: Tensor, real: Tensor, scales: int = 3) -> Tensor:
    """Mean absolute distance of pixels and of their differences to the right and down, faces [B, 3, S, S],
    summed over `scales` halvings: edges count, whatever their size."""
    total = generated.new_zeros(())
    for k in range(scales):
        if k:
            generated, real = F.avg_pool2d(generated, 2), F.avg_pool2d(real, 2)
        total = total + F.l1_loss(generated, real)
        for axis in (2, 3):
            total = total + F.l1_loss(generated.diff(dim=axis), real.diff(dim=axis))
    return total / scales


def other_identity(labels: Tensor) -> tuple[Tensor, Tensor]:
    """For each item of a batch another item of another identity: (indices [B], found [B] bool).

    The next item round the ring; where that is the same identity, the pair is left out by `found`.
    """
    other = torch.arange(len(labels), device=labels.device).roll(-1)
    return other, labels[other] != labels
