"""The discriminator, its optimiser and its losses: `discriminator_step` on a batch, then `generator_loss`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.training.losses import fake_loss, feature_loss, gradient_penalty, other_identity, real_loss
from deepfacegen.training.steps import descend


@dataclass(frozen=True)
class Weights:
    """How much each term counts; 0 leaves it out of the computation."""

    mismatch: float
    identity: float
    feature: float
    r1: float
    r1_every: int


class Adversary:
    """D(x, y) against G, after Wen et al. 2019 with matched, mismatched and generated pairs.

    `network` has a `trunk`, which runs once, and heads on its embedding: `logits`, `identity`.
    """

    def __init__(self, network: Any, optimiser: torch.optim.Optimizer, weights: Weights) -> None:
        self.network, self.optimiser, self.weights = network, optimiser, weights
        self._real_features: list[Tensor] = []

    def discriminator_step(
        self,
        step: int,
        real: Tensor,
        generated: Tensor,
        condition_real: Tensor,
        condition: Tensor,
        labels: Tensor,
    ) -> dict[str, Tensor]:
        """One step of D; returns its losses. real, generated [B, 3, S, S], the conditions of both [B, Y],
        labels [B].

        No gradient reaches what generated the faces.
        """
        self.network.requires_grad_(True)
        penalise = self.weights.r1 > 0 and step % self.weights.r1_every == 0
        real = real.detach().requires_grad_(penalise)
        embedding, features = self.network.trunk(real)
        self._real_features = [f.detach() for f in features]
        generated_embedding, _ = self.network.trunk(generated.detach())
        logits = self.network.logits(embedding, condition_real)
        generated_logits = self.network.logits(generated_embedding, condition)
        losses = {
            "d/real": real_loss(logits),
            "d/generated": fake_loss(generated_logits),
            "d/accuracy": _accuracy(logits, generated_logits, self.network.undecided),
        }
        loss = losses["d/real"] + losses["d/generated"]
        if self.weights.mismatch:
            losses["d/mismatched"] = self._mismatched(embedding, condition_real, labels)
            loss = loss + self.weights.mismatch * losses["d/mismatched"]
        if self.weights.identity:
            losses["d/identity"] = F.cross_entropy(self.network.identity(embedding), labels)
            loss = loss + self.weights.identity * losses["d/identity"]
        if penalise:
            losses["d/r1"] = gradient_penalty(logits, real)
            loss = loss + self.weights.r1 * self.weights.r1_every * losses["d/r1"]
        descend(self.optimiser, loss)
        return losses

    def _mismatched(self, embedding: Tensor, condition: Tensor, labels: Tensor) -> Tensor:
        """The loss on real faces with another person's condition."""
        other, all_found = other_identity(
            distributed.gather(labels)
        )  # the next person may be on another rank
        logits = self.network.logits(embedding, distributed.part(distributed.gather(condition)[other]))
        found = distributed.part(all_found)
        # The mean over all that were found, as a mean over ranks.
        share = found.sum() * distributed.world() / all_found.sum()
        return fake_loss(logits[found]) * share if bool(found.any()) else logits.sum() * 0

    def generator_loss(
        self, generated: Tensor, condition: Tensor, labels: Tensor, known: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss on faces it has just generated (with gradient), D held still, and its terms.
        Call after `discriminator_step` on the same batch.

        `known` [B] bool: generated faces that are meant to equal the real ones, whose features are compared.
        """
        self.network.requires_grad_(False)
        embedding, features = self.network.trunk(generated)
        losses = {"g/adversarial": real_loss(self.network.logits(embedding, condition))}
        loss = losses["g/adversarial"]
        if self.weights.identity:
            losses["g/identity"] = F.cross_entropy(self.network.identity(embedding), labels)
            loss = loss + self.weights.identity * losses["g/identity"]
        if self.weights.feature:
            pairs = [f[known] for f in features], [f[known] for f in self._real_features]
            losses["g/feature"] = feature_loss(*pairs)
            loss = loss + self.weights.feature * losses["g/feature"]
        return loss, losses

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])


def _accuracy(logits: Tensor, generated_logits: Tensor, undecided: float) -> Tensor:
    """The share of faces on the right side of the undecided logit, real and generated ones counting alike."""
    return 0.5 * ((logits > undecided).float().mean() + (generated_logits < undecided).float().mean())
