"""The discriminator of the conditional GAN: the prior's, which also sees the condition and tells people
apart."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from deepfacegen.systems.cgan.activation import LOGIT, undecided
from deepfacegen.systems.prior.networks import STYLE, RealFace


class Discriminator(nn.Module):
    """Face and condition -> matched-and-real logit [B], identity logits [B, N], features.

    The condition enters by projection (Miyato and Koyama 2018), so one pass of the trunk over real faces
    serves the matched condition, another's and the identity classifier. The logit passes through the
    activation (`systems.cgan.activation.LOGIT`), the identity logits do not; `undecided` is the logit between
    real and generated. Trunk and `real` begin as the prior's.
    """

    def __init__(
        self, condition: int, identities: int, sizes: Sequence[int], activation: str = "identity"
    ) -> None:
        super().__init__()
        self.activation, self.undecided = LOGIT[activation], undecided(activation)
        self.face = RealFace(*sizes)
        self.condition = nn.Sequential(
            nn.Linear(condition, STYLE), nn.LeakyReLU(0.2), nn.Linear(STYLE, STYLE)
        )
        for weight in self.condition[2].parameters():
            nn.init.zeros_(weight)
        self.identity = nn.Linear(STYLE, identities)

    def trunk(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Embedding [B, 128] and the feature maps of every size."""
        return self.face.trunk(face)

    def logits(self, embedding: Tensor, condition: Tensor) -> Tensor:
        """Logit [B]: is this face real, and does this condition describe it?"""
        matched = (embedding * self.condition(condition)).sum(dim=1) / STYLE**0.5
        return self.activation(self.face.real(embedding).squeeze(1) + matched)
