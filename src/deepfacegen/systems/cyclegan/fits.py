"""What the conditional CycleGAN fits in closed form, by ridge regression on training people: the generator's
start, and what is not given to it.

`edit`: attributes and identity from a low-res face, for a user who gives none, and what each looks like in
low-res faces. `frontal`: a person's most frontal photo from any, at 16 px.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.systems.cyclegan.networks import SMALL_PX, LinearEdit, LinearUpscale, bicubic, reduced, small

SMALL = 3 * SMALL_PX**2
PLACES_AT_ONCE = 256
# Of a guess to its direction (sample people: 0.7 to 1), so that one that hardly responds moves no face beyond
# measure.
LEAST_RESPONSE = 0.25


def fit_start(start: LinearUpscale, faces: Iterator[tuple[Tensor, Tensor]], ridge: float) -> None:
    """faces: chunks of ([n, 3, S, S], attributes [n, K]); each is taken both ways round. Memory does not grow
    with their number."""
    gram = torch.zeros(start.places, start.inputs, start.inputs)
    cross = torch.zeros_like(start.weight, device="cpu")
    for chunk, attributes in faces:
        for high in (chunk, chunk.flip(3)):
            low = reduced(high, start.scale)
            inputs, missing = start.input(low, attributes), start.blocks(high - bicubic(low, start.scale))
            for first in range(0, start.places, PLACES_AT_ONCE):
                part = slice(first, first + PLACES_AT_ONCE)
                gram[part].baddbmm_(inputs[part].mT, inputs[part])
                cross[part].baddbmm_(inputs[part].mT, missing[part])
    penalty = torch.full((start.inputs,), ridge)
    penalty[-1] = 1e-3 * ridge  # the constant
    start.weight.copy_(torch.linalg.solve(gram + torch.diag(penalty), cross))


def fit_edit(
    edit: LinearEdit,
    faces: Iterator[tuple[Tensor, Tensor]],
    known: Tensor,
    ridge: float = 0.01,
    looks_ridge: float = 0.03,
) -> None:
    """faces: chunks of (low-res faces [n, 3, s, s], attributes [n, K], 0 unknown); known [N, D]: the
    embedding of each, D 0 if there are none.

    The guess of each attribute rests on photos where it is known. The directions are those of the regression
    of faces on all attributes together, so that what goes with another attribute is not moved; looks are
    those of the regression of faces on embeddings.
    """
    low, attributes = (torch.cat(parts) for parts in zip(*faces, strict=True))
    inputs, both = torch.cat([small(low), small(low.flip(3))]), attributes.repeat(2, 1)
    for k in range(attributes.shape[1]):
        rows = both[:, k] != 0
        weight, bias = torch.zeros(SMALL, 1), torch.zeros(1)
        if rows.any():
            weight, bias = _ridge(inputs[rows], both[rows, k : k + 1], ridge)
        _fill(edit.guess, k, weight[:, 0], bias[0])
    even = 0.5 * (low + low.flip(3)).flatten(1)
    edit.direction.copy_(_ridge(attributes, even, 1e-3)[0].view_as(edit.direction))
    edit.answer.copy_((edit.guess.weight * small(edit.direction)).sum(dim=1).clamp(min=LEAST_RESPONSE))
    if edit.recognise is not None:
        weight, bias = _ridge(inputs, known.repeat(2, 1), ridge)
        edit.recognise.weight.copy_(weight.T)
        edit.recognise.bias.copy_(bias)
        looks, plain = _ridge(known, even, looks_ridge)
        edit.looks.copy_(looks.view_as(edit.looks))
        edit.plain.copy_(plain.view_as(edit.plain))


def fit_frontal(low: Tensor, labels: np.ndarray, yaw: np.ndarray, ridge: float = 3.0) -> nn.Linear:
    """low [N, 768] of people labels [N], each with its yaw ratio [N] (0 frontal) -> a map to the same
    person's most frontal photo.

    The target is made even: the mean of the photo and its mirror image.
    """
    order = np.lexsort([yaw, labels])
    first = order[np.unique(labels[order], return_index=True)[1]]  # by person, the most frontal
    _, person = np.unique(labels, return_inverse=True)
    pictures = low.view(-1, 3, SMALL_PX, SMALL_PX)
    even = 0.5 * (pictures + pictures.flip(3)).flatten(1)
    weight, bias = _ridge(
        torch.cat([low, pictures.flip(3).flatten(1)]), even[first][person].repeat(2, 1), ridge
    )
    frontal = nn.Linear(SMALL, SMALL).requires_grad_(False)
    frontal.weight.copy_(weight.T)
    frontal.bias.copy_(bias)
    return frontal


def _ridge(x: Tensor, y: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """x [N, D], y [N, O] -> weight [D, O] and bias [O]; the penalty is `ridge` times the mean variance of a
    column of x times N."""
    x, y = x.double(), y.double()
    centre, mean = x.mean(dim=0), y.mean(dim=0)
    x = x - centre
    gram = x.T @ x
    gram.diagonal().add_(ridge * gram.diagonal().mean() + 1e-9)
    weight = torch.linalg.solve(gram, x.T @ (y - mean))
    return weight.float(), (mean - centre @ weight).float()


def _fill(layer: nn.Linear, row: int, weight: Tensor, bias: Tensor) -> None:
    with torch.no_grad():
        layer.weight[row] = weight
        layer.bias[row] = bias
