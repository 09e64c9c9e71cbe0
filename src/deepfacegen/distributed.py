"""One process or many (torchrun): rank, device and collectives, which are no-ops on one process."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from deepfacegen.errors import UserError


def rank() -> int:
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def device() -> torch.device:
    """DEEPFACEGEN_DEVICE if set, else this process's GPU, else the CPU. Raises UserError for a device that
    cannot be used here."""
    name = os.environ.get("DEEPFACEGEN_DEVICE")
    if name is None:
        if not torch.cuda.is_available():
            return torch.device("cpu")
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            count = torch.cuda.device_count()
            text = f"this machine has {count} GPUs for {local + 1} or more processes"
            raise UserError(f"{text}: lower --nproc-per-node")
        return torch.device("cuda", local)
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"DEEPFACEGEN_DEVICE={name}, but this machine has no usable GPU")
    try:
        return usable(name)
    except RuntimeError as error:
        raise UserError(f"DEEPFACEGEN_DEVICE={name}: {error}") from None


def usable(name: str | torch.device) -> torch.device:
    """The device of that name. Raises RuntimeError of one line for one that torch does not know or that
    cannot compute here, such as `meta`."""
    try:
        found = torch.device(name)
        torch.zeros(1, device=found).add(1).cpu()
    except Exception as error:  # each kind of device has its own
        why = f"{error}".split("\n")[0].split(". ")[0].rstrip(".")
        raise RuntimeError(f"cannot be used here ({why}); choose cpu, cuda or cuda:N") from None
    return found


def start() -> None:
    """Join the process group of torchrun's environment until this process ends."""
    if world() > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device().type == "cuda" else "gloo")
        atexit.register(stop)  # also after an error: a group left at exit may abort the interpreter


def stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def share(total_batch: int, parts: int = 1) -> int:
    """This rank's share of a batch. Raises UserError if the batch, or each of its equal `parts`, is not
    divisible by the number of ranks."""
    if world() > 1 and total_batch % (parts * world()):
        text = f"a batch of {total_batch} cannot be shared by {world()} processes"
        raise UserError(f"{text}: choose a multiple of {parts * world()}")
    return total_batch // world()


def broadcast(module: nn.Module) -> None:
    """Give every rank the weights and buffers of rank 0."""
    if world() > 1:
        for tensor in module.state_dict().values():
            moved = tensor.to(device())
            with _others():
                dist.broadcast(moved, 0)
            tensor.copy_(moved)


def sync_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average gradients over ranks, flattened into one all-reduce: it works for any loss, also with double
    backward.

    Raises RuntimeError if ranks hold different numbers of gradients, which would otherwise hang.
    """
    if world() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    low, high = extremes(len(gradients))
    if low != high:
        raise RuntimeError(f"ranks disagree on the number of gradients ({low} to {high})")
    flat = _all_reduce(torch.cat([g.flatten() for g in gradients]))
    flat /= world()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def mean(value: Tensor) -> Tensor:
    """Average of a tensor over ranks."""
    return _all_reduce(value.clone()) / world() if world() > 1 else value


def per_rank(count: Tensor) -> Tensor:
    """The divisor of a sum over this rank's counted items: the count in the whole batch, over the ranks.

    The average over ranks is then the mean over all counted items, or 0 without any.
    """
    return mean(count).clamp(min=1 / world())


def gather(part: Tensor) -> Tensor:
    """The rows [B, ...] of the whole batch, of which each rank has every world()-th: [B / world, ...].
    Without gradient."""
    if world() == 1:
        return part
    parts = [torch.empty_like(part) for _ in range(world())]
    with _others():
        dist.all_gather(parts, part.detach().contiguous())
    return torch.stack(parts, dim=1).flatten(0, 1)


def part(whole: Tensor) -> Tensor:
    """This rank's rows of a whole batch."""
    return whole[rank() :: world()]


def extremes(value: int) -> tuple[int, int]:
    """The lowest and the highest value that a rank has."""
    if world() == 1:
        return value, value
    low, high = _all_reduce(torch.tensor([-value, value], device=device()), dist.ReduceOp.MAX).tolist()
    return -low, high


def _all_reduce(tensor: Tensor, operation: Any = dist.ReduceOp.SUM) -> Tensor:
    """In place."""
    with _others():
        dist.all_reduce(tensor, operation)
    return tensor


@contextlib.contextmanager
def _others() -> Iterator[None]:
    """Raises UserError when another rank ended while this one waits for it."""
    try:
        yield
    except RuntimeError as error:
        text = "another process of this run ended; start the run again: it goes on from its last resume point"
        raise UserError(f"{text}, if it has one ({error})") from error
