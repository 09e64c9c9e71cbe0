"""The face networks of Wen, Singh and Raj 2019, layer by layer: `train.architecture: paper`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.systems.cgan.activation import FACE, LOGIT, undecided


class WenGenerator(nn.Module):
    """F_g: voice embedding [B, 64] -> face [B, 3, 64, 64]; no norm.

    As published, nothing follows the last layer (identity: unbounded, clamped when it becomes a picture); see
    `systems.cgan.activation.FACE`.
    """

    def __init__(self, dim: int = 64, activation: str = "identity") -> None:
        super().__init__()
        self.activation = FACE[activation]
        widths = (1024, 512, 256, 128, 64)
        layers: list[nn.Module] = [nn.ConvTranspose2d(dim, widths[0], 4, 1, 0), nn.ReLU(inplace=True)]
        for wide, narrow in pairwise(widths):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1), nn.ReLU(inplace=True)]
        layers.append(nn.ConvTranspose2d(widths[-1], 3, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        if condition.device.type != "cpu":
            return self.activation.forward(self.layers(condition[:, :, None, None]))
        # On a CPU the first two layers are matrix products, followed by the sum of overlapping 4 x 4 patches:
        # their maps are so small and their weights so many that a convolution spends most of its time on
        # bringing the weights into the order it likes.
        first: Any = self.layers[0]
        second: Any = self.layers[2]
        x = (condition @ first.weight.flatten(1)).unflatten(1, (-1, 16)) + first.bias[:, None]
        # One row for each position of the 4 x 4 map: [B * 16, 1024].
        rows = F.relu(x, inplace=True).transpose(1, 2).flatten(0, 1)
        patches = _product(rows, second.weight.flatten(1)).unflatten(0, (-1, 16)).transpose(1, 2)
        x = F.fold(patches, output_size=8, kernel_size=4, padding=1, stride=2) + second.bias[:, None, None]
        x = self.layers[3:6](x.contiguous(memory_format=torch.channels_last))
        return self.activation.forward(_in_parts(self.layers[6:], x))


def _in_parts(layers: nn.Module, x: Tensor) -> Tensor:
    """`layers(x)`, on a CPU 16 faces at a time: the maps of more outgrow its cache, and are large enough for
    their memory to come anew from the system, page by page, whenever they are made."""
    return layers(x) if x.device.type != "cpu" else torch.cat([layers(part) for part in x.split(16)])


class _Product(torch.autograd.Function):
    """Of matrices [M, K] and [K, N] in float32 on a CPU, by the library that also computes convolutions
    (oneDNN); `@` may call a slower one."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _by_onednn(a, b)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        grad = grad.contiguous()
        wanted_a, wanted_b = ctx.needs_input_grad
        return (_by_onednn(grad, b.T) if wanted_a else None, _by_onednn(a.T, grad) if wanted_b else None)


def _by_onednn(a: Tensor, b: Tensor) -> Tensor:
    return F.linear(a.contiguous().to_mkldnn(), b.T).to_dense()


def _product(a: Tensor, b: Tensor) -> Tensor:
    apply: Any = _Product.apply
    return apply(a, b) if a.dtype == torch.float32 and torch.backends.mkldnn.is_available() else a @ b


class WenDiscriminator(nn.Module):
    """F_f with both heads: face [B, 3, 64, 64] -> real-or-fake logit [B], identity logits [B, N], features.

    The trunk runs once for both heads. It does not see the voice: `condition` is taken and left unused. The
    real-or-fake logit passes through the activation (`systems.cgan.activation.LOGIT`); `undecided` is the
    logit between the two.
    """

    def __init__(self, identities: int, dim: int = 64, activation: str = "identity") -> None:
        super().__init__()
        self.activation, self.undecided = LOGIT[activation], undecided(activation)
        widths = (3, 32, 64, 128, 256, 512)
        stages = [nn.Sequential(nn.Conv2d(widths[0], widths[1], 1), nn.LeakyReLU(0.2, inplace=True))]
        for narrow, wide in pairwise(widths[1:]):
            stages.append(nn.Sequential(nn.Conv2d(narrow, wide, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)))
        # Wen's code ends the trunk with a linear 4 x 4 convolution to the 64-d face embedding.
        self.stages = nn.Sequential(*stages)
        self.embed = nn.Conv2d(widths[-1], dim, 4, 1, 0)
        self.real = nn.Linear(dim, 1, bias=False)
        self.identity = nn.Linear(dim, identities, bias=False)

    def trunk(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = [_in_parts(self.stages[:3], face)]
        for stage in list(self.stages)[3:]:
            features.append(stage(features[-1]))
        # The last convolution covers the whole map: a linear layer. Channels come last, as they lie in memory
        # where this is trained.
        weight = self.embed.weight.permute(0, 2, 3, 1).flatten(1)
        return F.linear(features[-1].permute(0, 2, 3, 1).flatten(1), weight, self.embed.bias), features

    def logits(self, embedding: Tensor, condition: Tensor) -> Tensor:
        return self.activation(self.real(embedding).squeeze(1))
