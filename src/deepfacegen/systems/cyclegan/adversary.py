"""The adversary of the conditional CycleGAN (Lu, Tai and Tang 2018): real faces with their attributes, with
wrong ones, and drawn faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.training.losses import fake_loss, gradient_penalty, real_loss


@dataclass(frozen=True)
class Weights:
    """How much each term counts. `attributes` is the head's loss on real faces (D) and on drawn ones (G)."""

    mismatch: float
    attributes: float
    r1: float
    r1_every: int


def attribute_loss(logits: Tensor, attributes: Tensor) -> Tensor:
    """-log sigmoid of each known attribute's side, averaged over those known in the batch: logits [B, K],
    attributes [B, K] in {-1, 0 unknown, 1}."""
    known = attributes.abs()
    return (F.softplus(-attributes * logits) * known).sum() / distributed.per_rank(known.sum())


class AttributeAdversary:
    """D with its optimiser: `learn` from a batch, then `teach` the generator."""

    def __init__(self, network: Any, optimiser: torch.optim.Optimizer, weights: Weights) -> None:
        self.network, self.optimiser, self.weights = network, optimiser, weights

    def learn(
        self, step: int, real: Tensor, attributes: Tensor, wrong: Tensor, drawn: Tensor, asked: Tensor
    ) -> dict[str, Tensor]:
        """One step of D. real [B, 3, S, S] with its attributes and wrong ones [B, K]; drawn [C, 3, S, S], for
        which `asked` [C, K] were asked.

        Where `wrong` equals the true ones, the pair is left out.
        """
        self.network.requires_grad_(True)
        penalise = self.weights.r1 > 0 and step % self.weights.r1_every == 0
        real = real.detach().requires_grad_(penalise)
        embedding, of_drawn = self.network.trunk(real), self.network.trunk(drawn.detach())
        logits, drawn_logits = self.network.judge(embedding, attributes), self.network.judge(of_drawn, asked)
        told = {"d/real": real_loss(logits), "d/drawn": fake_loss(drawn_logits)}
        told["d/accuracy"] = 0.5 * ((logits > 0).float().mean() + (drawn_logits < 0).float().mean())
        told["d/attributes"] = attribute_loss(self.network.attributes(embedding), attributes)
        loss = told["d/real"] + told["d/drawn"] + self.weights.attributes * told["d/attributes"]
        if self.weights.mismatch:
            differ = (wrong != attributes).any(dim=1).float()
            told["d/mismatched"] = (
                F.softplus(self.network.judge(embedding, wrong)) * differ
            ).sum() / distributed.per_rank(differ.sum())
            loss = loss + self.weights.mismatch * told["d/mismatched"]
        if penalise:
            told["d/r1"] = gradient_penalty(logits, real)
            loss = loss + self.weights.r1 * self.weights.r1_every * told["d/r1"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        distributed.sync_gradients(self.network.parameters())
        self.optimiser.step()
        return told

    def teach(self, drawn: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        """Of drawn faces, with gradient, D held still: the adversarial loss, and that of the attributes asked
        for."""
        self.network.requires_grad_(False)
        embedding = self.network.trunk(drawn)
        return real_loss(self.network.judge(embedding, asked)), attribute_loss(
            self.network.attributes(embedding), asked
        )

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
