"""The three losses of Speech2Face (Oh et al. 2019, section 3), each a plain function of tensors, averaged
over the batch.

Their sum is  |f_dec(v_s) - f_dec(v_f)|_1 + 0.025 |v_s/|v_s| - v_f/|v_f||^2 + 200 L_distill(f_rec(v_f),
f_rec(v_s)),  where v_s is predicted from speech, v_f is the true face's feature, f_dec the first layer of the
face decoder and f_rec the last layer of the face recogniser.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def first_layer_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """L1 distance between first layers of the decoder [B, W], summed over the layer."""
    return (predicted - true).abs().sum(dim=1).mean()


def direction_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Squared distance between features [B, D] scaled to length 1: 2 - 2 cos."""
    return (F.normalize(predicted, dim=1) - F.normalize(true, dim=1)).square().sum(dim=1).mean()


def distillation_loss(predicted: Tensor, true: Tensor, temperature: float = 2.0) -> Tensor:
    """Cross-entropy of what the recogniser says of the predicted feature under what it says of the true one;
    logits [B, N] (Hinton et al. 2015)."""
    return (
        -(F.softmax(true / temperature, dim=1) * F.log_softmax(predicted / temperature, dim=1))
        .sum(dim=1)
        .mean()
    )
