"""Batch norm over the whole batch when ranks share it, so that a network learns the same on any number of
them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed


def share_statistics(network: nn.Module) -> None:
    """Let each batch norm of a network normalise by the whole batch, over all ranks; parameters and buffers
    stay the same tensors."""
    if distributed.world() > 1:
        for name, module in list(network.named_modules()):
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                network.set_submodule(name, _WholeBatchNorm(module))


class _WholeBatchNorm(nn.Module):
    """What nn.SyncBatchNorm does, which needs a GPU. [B, C, ...]; every rank has as many items."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__()
        if norm.momentum is None:
            raise ValueError("a batch norm without momentum is not supported")
        self.momentum, self.eps = norm.momentum, norm.eps
        for name, parameter in norm.named_parameters():
            self.register_parameter(name, parameter)
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        over, shape = [d for d in range(x.dim()) if d != 1], [-1 if d == 1 else 1 for d in range(x.dim())]
        wide = x.float()
        average = _MeanOverRanks.apply(wide.mean(over))  # type: ignore[no-untyped-call]
        centred = wide - average.view(shape)
        variance = _MeanOverRanks.apply(centred.square().mean(over))  # type: ignore[no-untyped-call]
        count = distributed.world() * x.numel() // x.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(average, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(shape) + self.bias.view(shape)).to(x.dtype)


class _MeanOverRanks(torch.autograd.Function):
    """The average over ranks, through which the gradient of every rank's loss reaches every rank."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return distributed.mean(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return distributed.mean(gradients[0].contiguous())
