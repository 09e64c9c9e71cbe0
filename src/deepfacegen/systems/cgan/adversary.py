"""The discriminator, its optimiser and its losses as one object with two verbs: `learn` from a batch, and
`teach` the generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.training.losses import fake_loss, feature_loss, gradient_penalty, real_loss, strangers


class FaceNetwork(Protocol):
    """What the adversary needs of a discriminator: a trunk run once, and heads on its embedding."""

    identity: nn.Linear
    undecided: float

    def trunk(self, face: Tensor) -> tuple[Tensor, list[Tensor]]: ...

    def judge(self, embedding: Tensor, condition: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Weights:
    """How much each term counts; 0 leaves it out of the computation."""

    mismatch: float
    identity: float
    feature: float
    r1: float
    r1_every: int


class Adversary:
    """D(x, y) against G, after Wen et al. 2019 with matched, mismatched and drawn pairs."""

    def __init__(self, network: Any, optimiser: torch.optim.Optimizer, weights: Weights) -> None:
        self.network, self.optimiser, self.weights = network, optimiser, weights
        self._true_features: list[Tensor] = []

    def learn(
        self, step: int, real: Tensor, drawn: Tensor, condition: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """One step of D. real, drawn [B, 3, S, S] (drawn without gradient), condition [B, Y], labels [B]."""
        self.network.requires_grad_(True)
        penalise = self.weights.r1 > 0 and step % self.weights.r1_every == 0
        real = real.detach().requires_grad_(penalise)
        embedding, features = self.network.trunk(real)
        self._true_features = [f.detach() for f in features]
        drawn_embedding, _ = self.network.trunk(drawn.detach())
        logits = self.network.judge(embedding, condition)
        drawn_logits = self.network.judge(drawn_embedding, condition)
        loss_real, loss_drawn = real_loss(logits), fake_loss(drawn_logits)
        loss = loss_real + loss_drawn
        told = {
            "d/real": loss_real,
            "d/drawn": loss_drawn,
            "d/accuracy": _accuracy(logits, drawn_logits, self.network.undecided),
        }
        if self.weights.mismatch:
            other, all_found = strangers(distributed.gather(labels))  # the next person may be on another rank
            mismatched = self.network.judge(embedding, distributed.part(distributed.gather(condition)[other]))
            found = distributed.part(all_found)
            # The mean over all that were found, as a mean over ranks.
            share = found.sum() * distributed.world() / all_found.sum()
            told["d/mismatched"] = (
                fake_loss(mismatched[found]) * share if bool(found.any()) else mismatched.sum() * 0
            )
            loss = loss + self.weights.mismatch * told["d/mismatched"]
        if self.weights.identity:
            told["d/identity"] = F.cross_entropy(self.network.identity(embedding), labels)
            loss = loss + self.weights.identity * told["d/identity"]
        if penalise:
            told["d/r1"] = gradient_penalty(logits, real)
            loss = loss + self.weights.r1 * self.weights.r1_every * told["d/r1"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        distributed.sync_gradients(self.network.parameters())
        self.optimiser.step()
        return told

    def teach(
        self, drawn: Tensor, condition: Tensor, labels: Tensor, known: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss on faces it just drew (with gradient), D held still. Call after `learn` on the
        same batch.

        `known` [B] bool: drawn faces that are meant to equal the true ones; only their features are compared.
        """
        self.network.requires_grad_(False)
        embedding, features = self.network.trunk(drawn)
        told = {"g/adversarial": real_loss(self.network.judge(embedding, condition))}
        loss = told["g/adversarial"]
        if self.weights.identity:
            told["g/identity"] = F.cross_entropy(self.network.identity(embedding), labels)
            loss = loss + self.weights.identity * told["g/identity"]
        if self.weights.feature:
            told["g/feature"] = feature_loss(
                [f[known] for f in features], [f[known] for f in self._true_features]
            )
            loss = loss + self.weights.feature * told["g/feature"]
        return loss, told

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])


def _accuracy(logits: Tensor, drawn_logits: Tensor, undecided: float) -> Tensor:
    """The share of faces on the right side of the undecided logit, true and drawn ones counting alike."""
    return 0.5 * ((logits > undecided).float().mean() + (drawn_logits < undecided).float().mean())
