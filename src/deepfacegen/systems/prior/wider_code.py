"""More numbers to the code of a trained prior, for what it does not reconstruct.

A code of 64 numbers goes to shape, light and hair, and all eyes come back grey. More numbers from the first
step on do not help: whatever is seldom of use stays noise. So the new ones begin as directions of what is
left of faces, and training goes on from there.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen.systems.prior.networks import FaceEncoder
from deepfacegen.systems.prior.prior import Prior

AT_ONCE = 250
RIDGE = 0.01  # of the mean square of a feature
LOG_VARIANCE = -4.0  # of a new number, which has unit deviation over faces


@torch.inference_mode()
def widened(prior: Prior, code_dim: int, faces: Tensor) -> Prior:
    """A prior on the CPU, and faces [N, 3, S, S] in [-1, 1] -> an untrained flow, and the other networks with
    `code_dim` numbers to a code, which reconstruct faces as before.

    A new number is what the encoder's features predict (by ridge regression) of a principal direction of the
    reconstruction errors: three eighths of them of the eyes', a quarter of the mouth's, the rest of the whole
    face's at half the size. Raises ValueError unless there are more numbers than before.
    """
    old, more = prior.sizes.code_dim, code_dim - prior.sizes.code_dim
    if more < 1:
        raise ValueError(f"{code_dim} numbers to a code are not more than {old}")
    wide = Prior.untrained(replace(prior.sizes, code_dim=code_dim))
    wide.discriminator.load_state_dict(prior.discriminator.state_dict())
    for name in ("encoder", "synthesis"):
        before, after = (getattr(p, name).state_dict() for p in (prior, wide))
        same = {key: value for key, value in before.items() if value.shape == after[key].shape}
        getattr(wide, name).load_state_dict(same, strict=False)
    for mine, theirs in zip(_entrances(wide), _entrances(prior), strict=True):
        mine.copy_(torch.cat([theirs, mine.new_zeros(len(mine), more)], dim=1))
    features, errors = _features_and_errors(prior, faces)
    readout, bias = _readout(features, _targets(prior.encoder, errors, more))
    weight, shift = prior.encoder.code.weight, prior.encoder.code.bias
    no_weight, variance = torch.zeros_like(readout), torch.full((more,), LOG_VARIANCE + 2)  # see FaceEncoder
    wide.encoder.code.weight.copy_(torch.cat([weight[:old], readout, weight[old:], no_weight]))
    wide.encoder.code.bias.copy_(torch.cat([shift[:old], bias, shift[old:], variance]))
    return wide


def _entrances(prior: Prior) -> list[Tensor]:
    """Weights by which the synthesis takes a code, [., Z] each. 0 of the new numbers: it begins without
    them."""
    return [layer.weight for layer in (prior.synthesis.start, prior.synthesis.style[0])]  # type: ignore[misc]


def _features_and_errors(prior: Prior, faces: Tensor) -> tuple[Tensor, Tensor]:
    """What the last layer of the encoder sees of each face [N, D], and what is left of it [N, 3, S, S]."""
    seen: list[Tensor] = []
    hook = prior.encoder.code.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    errors = [part - prior.synthesis(prior.encoder(part)[0]) for part in faces.split(AT_ONCE)]
    hook.remove()
    return torch.cat(seen), torch.cat(errors)


def _targets(encoder: FaceEncoder, errors: Tensor, n: int) -> Tensor:
    """Places of faces on n principal directions of their errors, of unit deviation, [N, n]."""
    areas = [errors[:, :, top:bottom, left:right] for top, bottom, left, right in encoder.windows]
    *eyes, mouth = (area.flatten(1) for area in areas)
    parts = (torch.cat(eyes, dim=1), 3 * n // 8), (mouth, n // 4), (F.avg_pool2d(errors, 2).flatten(1), n)
    found: list[Tensor] = []
    for values, most in parts:
        centred = values - values.mean(dim=0)
        kept = min(most, n - sum(f.shape[1] for f in found))
        places = centred @ torch.linalg.svd(centred, full_matrices=False)[2][:kept].T
        found.append(places / places.std(dim=0))
    return torch.cat(found, dim=1)


def _readout(features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [n, D] and bias [n] that predict targets [N, n] from features [N, D], of unit deviation."""
    mean = features.mean(dim=0)
    centred = features - mean
    ridge = RIDGE * len(features) * centred.square().mean() * torch.eye(features.shape[1])
    weights = torch.linalg.solve(centred.T @ centred + ridge, centred.T @ targets)
    weights = (weights / (centred @ weights).std(dim=0)).T
    return weights, -(weights @ mean)
