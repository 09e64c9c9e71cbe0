"""One process or many (torchrun): rank, device and gradient sync. Every helper is a no-op on one process."""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from deepfacegen.errors import UserError


def rank() -> int:
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def device() -> torch.device:
    """DEEPFACEGEN_DEVICE if set, else this process's GPU, else the CPU."""
    name = os.environ.get("DEEPFACEGEN_DEVICE")
    if name is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if torch.cuda.is_available() else torch.device("cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"DEEPFACEGEN_DEVICE={name}, but this machine has no usable GPU")
    return torch.device(name)


def start() -> None:
    """Join the process group that torchrun describes in the environment."""
    if world() > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device().type == "cuda" else "gloo")


def stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def share(total_batch: int) -> int:
    """This rank's part of a batch. Raises UserError if the ranks cannot share it evenly."""
    if total_batch % world():
        raise UserError(f"a batch of {total_batch} cannot be shared by {world()} processes: choose a multiple")
    return total_batch // world()


def broadcast(module: nn.Module) -> None:
    """Give every rank the weights and buffers of rank 0."""
    if world() > 1:
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, 0)


def sync_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average gradients over ranks, flattened into one all-reduce: it works for any loss, also with double backward.

    Raises RuntimeError if ranks hold different numbers of gradients, which would otherwise hang.
    """
    if world() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    count = torch.tensor([len(gradients), -len(gradients)], device=gradients[0].device)
    dist.all_reduce(count, dist.ReduceOp.MAX)
    if int(count[0]) != -int(count[1]):
        raise RuntimeError(f"ranks disagree on the number of gradients ({-int(count[1])} to {int(count[0])})")
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= world()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def mean(value: Tensor) -> Tensor:
    """Average of a tensor over ranks."""
    if world() > 1:
        value = value.clone()
        dist.all_reduce(value)
        value /= world()
    return value
