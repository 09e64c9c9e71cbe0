"""The adversary of the conditional CycleGAN (Lu, Tai and Tang 2018): real faces with their attributes, with
wrong ones, and generated faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.training.losses import fake_loss, gradient_penalty, real_loss
from deepfacegen.training.steps import descend


@dataclass(frozen=True)
class Weights:
    """How much each term counts. `attributes`: the head, on real faces (D) and generated ones (G)."""

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
    """D with its optimiser: `discriminator_step` on a batch, then `generator_loss`."""

    def __init__(self, network: Any, optimiser: torch.optim.Optimizer, weights: Weights) -> None:
        self.network, self.optimiser, self.weights = network, optimiser, weights

    def discriminator_step(
        self, step: int, real: Tensor, attributes: Tensor, wrong: Tensor, generated: Tensor, condition: Tensor
    ) -> dict[str, Tensor]:
        """One step of D; returns its losses. real [B, 3, S, S] with its attributes and wrong ones [B, K];
        generated [C, 3, S, S] with the attributes `condition` [C, K].

        Where `wrong` equals the true ones, the pair is left out.
        """
        self.network.requires_grad_(True)
        penalise = self.weights.r1 > 0 and step % self.weights.r1_every == 0
        real = real.detach().requires_grad_(penalise)
        embedding, of_generated = self.network.trunk(real), self.network.trunk(generated.detach())
        logits = self.network.logits(embedding, attributes)
        generated_logits = self.network.logits(of_generated, condition)
        losses = {"d/real": real_loss(logits), "d/drawn": fake_loss(generated_logits)}
        losses["d/accuracy"] = 0.5 * ((logits > 0).float().mean() + (generated_logits < 0).float().mean())
        losses["d/attributes"] = attribute_loss(self.network.attributes(embedding), attributes)
        loss = losses["d/real"] + losses["d/drawn"] + self.weights.attributes * losses["d/attributes"]
        if self.weights.mismatch:
            differ = (wrong != attributes).any(dim=1).float()
            mismatched = (F.softplus(self.network.logits(embedding, wrong)) * differ).sum()
            losses["d/mismatched"] = mismatched / distributed.per_rank(differ.sum())
            loss = loss + self.weights.mismatch * losses["d/mismatched"]
        if penalise:
            losses["d/r1"] = gradient_penalty(logits, real)
            loss = loss + self.weights.r1 * self.weights.r1_every * losses["d/r1"]
        descend(self.optimiser, loss)
        return losses

    def generator_loss(self, generated: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Of generated faces, with gradient, D held still: the adversarial loss, and that of the attributes
        of the condition."""
        self.network.requires_grad_(False)
        embedding = self.network.trunk(generated)
        adversarial = real_loss(self.network.logits(embedding, condition))
        return adversarial, attribute_loss(self.network.attributes(embedding), condition)

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
