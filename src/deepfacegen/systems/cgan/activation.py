"""What the last layers pass through: the generator's faces (`train.face_activation`) and the discriminator's
logit (`train.logit_activation`).
 Wen et al. 2019 altered it in both and do not say to what; their published code ends the generator in a plain
 layer and the discriminator in a sigmoid, which is part of our losses. So identity is the default, and the
 rest is there to be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Black and white lie at infinity for the inverses: faces are first brought within this of grey, 2.6 of 255
# levels short of either.
CLIP = 0.98


@dataclass(frozen=True)
class FaceActivation:
    """Any real numbers -> faces in [-1, 1] (identity: not bounded), elementwise, and the way back."""

    forward: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]


def _identity(x: Tensor) -> Tensor:
    return x


def _scaled_sigmoid(x: Tensor) -> Tensor:
    return 2 * torch.sigmoid(x) - 1


def _inverse_tanh(face: Tensor) -> Tensor:
    return torch.atanh(face.clamp(-CLIP, CLIP))


def _inverse_scaled_sigmoid(face: Tensor) -> Tensor:
    return 2 * _inverse_tanh(face)


# The sigmoid, mapped from [0, 1] to [-1, 1], is tanh(x / 2): the same curve, half as steep.
FACE = {
    "identity": FaceActivation(_identity, _identity),
    "tanh": FaceActivation(torch.tanh, _inverse_tanh),
    "sigmoid": FaceActivation(_scaled_sigmoid, _inverse_scaled_sigmoid),
}

# The losses take the sigmoid of what comes out (as softplus). Identity: D may be as sure as it likes. tanh:
# logits in [-1, 1], so that D gives no face a probability outside [0.27, 0.73]. sigmoid: logits in [0, 1], a
# sigmoid of a sigmoid, as in some published code: probabilities in [0.5, 0.73], so D calls no face generated,
# only less real. Both keep the losses away from 0, and their gradient fades where D is sure.
LOGIT: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": _identity,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


def undecided(name: str) -> float:
    """The logit between real and generated faces: what the activation makes of 0, the middle of its range."""
    return float(LOGIT[name](torch.zeros((), device="cpu")))
