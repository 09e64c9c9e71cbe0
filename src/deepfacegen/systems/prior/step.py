"""A step of the prior's training."""

from __future__ import annotations

import torch
from torch import Tensor

from deepfacegen.config.schema import PriorConfig
from deepfacegen.data.batches import IdentityOrder
from deepfacegen.systems.prior.networks import FaceEncoder, RealFace, RealPlaces, Synthesis
from deepfacegen.training.losses import (
    fake_loss,
    feature_loss,
    gradient_penalty,
    landmark_weights,
    pyramid_loss,
    real_loss,
)
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.steps import descend, seeded

LONGEST_STEP = 1.0  # norm to which gradients are cut; without a limit some runs diverge


class PriorStep:
    """A step of the autoencoder and, from `adversary_from` on, of the discriminator."""

    def __init__(
        self,
        config: PriorConfig,
        encoder: FaceEncoder,
        synthesis: Synthesis,
        discriminator: RealFace,
        places: RealPlaces,
        own: torch.optim.Optimizer,
        opposed: torch.optim.Optimizer,
        order: IdentityOrder,
    ) -> None:
        self.config, self.encoder, self.synthesis = config, encoder, synthesis
        self.discriminator, self.places = discriminator, places
        self.own, self.opposed, self.order = own, opposed, order
        device = next(encoder.parameters()).device
        self.weights = landmark_weights(config.image_size_px).to(device)

    def __call__(self, i: int, faces: Tensor) -> dict[str, Tensor]:
        config, rng = self.config, seeded(self.config.seed, i)
        whole = torch.randn(config.batch, config.code_dim, generator=rng)
        flip = (torch.rand(config.batch, generator=rng) < 0.5)[self.order.mine].to(faces.device)
        noise = whole[self.order.mine].to(faces.device)
        real = from_pixels(faces, config.image_size_px, flip).contiguous(memory_format=torch.channels_last)
        with torch.autocast(faces.device.type, torch.bfloat16, enabled=_has_bfloat16(faces.device)):
            mean, log_variance = self.encoder(real)
            generated = self.synthesis(mean + noise * torch.exp(0.5 * log_variance))
            losses = {
                "pixel": pyramid_loss(generated.float(), real, weights=self.weights),
                "divergence": 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(),
            }
            loss = config.pixel_weight * losses["pixel"] + config.divergence_weight * losses["divergence"]
            if i >= config.adversary_from:
                found, features = self._discriminate(i, real, generated.detach())
                losses |= found
                self._trains(False)
                logits, own = self.discriminator(generated)
                losses["g/adversarial"] = real_loss(logits) + real_loss(self.places(own))
                losses["g/feature"] = feature_loss(own, features)
                loss = loss + losses["g/adversarial"] + config.feature_weight * losses["g/feature"]
        descend(self.own, loss, longest=LONGEST_STEP)
        return losses

    def _discriminate(
        self, i: int, real: Tensor, generated: Tensor
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """A step of the discriminator, of whole faces and of their places: its losses, and the features of
        the real faces."""
        config = self.config
        self._trains(True)
        penalise = config.r1_weight > 0 and i % config.r1_every == 0
        real = real.detach().requires_grad_(penalise)
        logits, features = self.discriminator(real)
        generated_logits, generated_features = self.discriminator(generated)
        places = self.places(features)
        losses = {
            "d/real": real_loss(logits) + real_loss(places),
            "d/generated": fake_loss(generated_logits) + fake_loss(self.places(generated_features)),
            "d/accuracy": 0.5 * ((logits > 0).float().mean() + (generated_logits < 0).float().mean()),
        }
        loss = losses["d/real"] + losses["d/generated"]
        if penalise:
            losses["d/r1"] = gradient_penalty(logits + places.mean(dim=1), real)
            loss = loss + config.r1_weight * config.r1_every * losses["d/r1"]
        descend(self.opposed, loss, longest=10 * LONGEST_STEP)
        return losses, [f.detach() for f in features]

    def _trains(self, yes: bool) -> None:
        self.discriminator.requires_grad_(yes)
        self.places.requires_grad_(yes)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself: others would emulate it, slowly."""
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
