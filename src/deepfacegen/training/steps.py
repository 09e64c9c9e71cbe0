"""What the steps of all trainings share: order, chance, one step down a gradient, and the memory it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from deepfacegen import distributed, room
from deepfacegen.data.batches import IdentityOrder

COPIES = 4  # of each trained weight: itself, its gradient, and two moments of Adam


class Sampled(Protocol):
    """The parameters of a training on batches."""

    @property
    def batch(self) -> int: ...

    @property
    def seed(self) -> int: ...


def identity_order(config: Sampled, identities: int) -> IdentityOrder:
    """The order in which so many people come, of which this rank takes its part."""
    return IdentityOrder(identities, config.batch, config.seed, distributed.rank(), distributed.world())


def seeded(seed: int, step: int) -> torch.Generator:
    """A generator that depends on (seed, step) alone: all ranks draw the same for the whole batch, and each
    keeps its part."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 4096)


def parameters(*networks: nn.Module) -> list[nn.Parameter]:
    """What an optimiser of these networks moves."""
    return [p for network in networks for p in network.parameters() if p.requires_grad]


def cosine(optimiser: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    """Sets the learning rate: up to `peak` within the first hundredth of the steps, then down to a hundredth
    of it along a cosine."""
    up = min(1.0, (step + 1) / max(1.0, 0.01 * steps))
    down = 0.505 + 0.495 * math.cos(math.pi * step / steps)
    for group in optimiser.param_groups:
        group["lr"] = peak * up * down


def descend(optimiser: torch.optim.Optimizer, loss: Tensor, longest: float | None = None) -> None:
    """One step down the gradient of the whole batch, which ranks share, cut to the norm `longest`."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    distributed.sync_gradients(weights)
    if longest is not None:
        nn.utils.clip_grad_norm_(weights, longest)
    optimiser.step()


def check_memory(stage: str, networks: Sequence[nn.Module], passes: Sequence[Callable[[], Tensor]]) -> None:
    """Raises UserError when a step of a training cannot fit into memory, warns when it may not.

    `networks` are trained, in float32; `passes` are the forward passes that a step keeps for the way back.
    Both are on torch's meta device, which knows shapes and computes nothing. A GPU computes in bfloat16 and
    keeps about half of the passes.
    """
    own = [t for network in networks for t in (*network.parameters(), *network.buffers())]
    weights = COPIES * sum(t.numel() * t.element_size() for t in own)
    activations = sum(kept_bytes(one, own) for one in passes)
    known = None
    if distributed.device().type == "cuda":
        free, total = torch.cuda.mem_get_info(distributed.device())
        known, activations = (total, free), activations // 2
    room.check_memory(weights + activations, f"a step of {stage}", f"lower {stage}.batch", known)


def kept_bytes(forward: Callable[[], Tensor], own: Sequence[Tensor] = ()) -> int:
    """Bytes that autograd keeps for the way back through `forward`: each storage once, without `own`."""
    known = {_storage(t) for t in own}
    kept: dict[int, Tensor] = {}  # held, so that no other storage takes its place while we count

    def pack(tensor: Tensor) -> Tensor:
        if _storage(tensor) not in known:
            kept[_storage(tensor)] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = forward()
    total = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    del out
    return total


def _storage(tensor: Tensor) -> int:
    """Tells storages apart, also those without memory; views share theirs."""
    return tensor.untyped_storage()._cdata
