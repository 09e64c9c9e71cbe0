"""The losses of the adversarial game, each a plain function of tensors, averaged over the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Eyes and mouth in an aligned face (data.faces.align), (x, y) as shares of its side.
LANDMARKS = ((0.377, 0.473), (0.629, 0.471), (0.400, 0.763), (0.504, 0.763), (0.609, 0.762))
EYES = 2  # the first of them
LANDMARK_RADIUS = 0.06  # deviation of the weight around each, of the side
LANDMARK_WEIGHT = 6.0
IRIS_RADIUS = 0.025
IRIS_WEIGHT = 25.0  # an iris has three pixels of 64 x 64, and its colour is seen at once


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


def pyramid_loss(generated: Tensor, real: Tensor, scales: int = 3, weights: Tensor | None = None) -> Tensor:
    """Mean absolute distance of pixels and of their differences to the right and down, faces [B, 3, S, S],
    summed over `scales` halvings: edges count, whatever their size. `weights` [S, S] of the pixels: all 1."""
    off, total = generated - real, generated.new_zeros(())
    shares = (torch.ones_like(off[0, 0]) if weights is None else weights)[None, None]
    for k in range(scales):
        if k:
            off, shares = F.avg_pool2d(off, 2), F.avg_pool2d(shares, 2)
        total = total + (shares * off.abs()).mean()
        for axis in (2, 3):
            total = total + (shares.narrow(axis, 1, off.shape[axis] - 1) * off.diff(dim=axis).abs()).mean()
    return total / scales


def landmark_weights(size_px: int) -> Tensor:
    """Weights of the pixels of an aligned face, [S, S] with mean 1: many times as much at eyes and mouth,
    which are a small part of a picture and most of a face."""
    at = torch.arange(size_px, dtype=torch.float32)
    weights = torch.ones(size_px, size_px)
    for i, (x, y) in enumerate(LANDMARKS):
        squared = (at[None, :] - (x * size_px - 0.5)) ** 2 + (at[:, None] - (y * size_px - 0.5)) ** 2
        weights += LANDMARK_WEIGHT * torch.exp(-0.5 * squared / (LANDMARK_RADIUS * size_px) ** 2)
        if i < EYES:
            weights += IRIS_WEIGHT * torch.exp(-0.5 * squared / (IRIS_RADIUS * size_px) ** 2)
    return weights / weights.mean()


def other_identity(labels: Tensor) -> tuple[Tensor, Tensor]:
    """For each item of a batch another item of another identity: (indices [B], found [B] bool).

    The next item round the ring; where that is the same identity, the pair is left out by `found`.
    """
    other = torch.arange(len(labels), device=labels.device).roll(-1)
    return other, labels[other] != labels
