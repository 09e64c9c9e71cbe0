"""A step of the conditional GAN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.config.schema import TrainConfig
from deepfacegen.data.batches import IdentityOrder
from deepfacegen.encoders import gradients
from deepfacegen.systems.cgan.adversary import Adversary
from deepfacegen.systems.cgan.linear_latent import Generator
from deepfacegen.systems.condition import Condition, PredictedCondition
from deepfacegen.systems.prior.networks import FaceEncoder
from deepfacegen.training.losses import landmark_weights, pyramid_loss
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.steps import cosine, descend, seeded

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


class Step:
    """A batch of voices and faces (`pairs.Pairs`) -> losses, after a step of both players.

    The first half of the batch is generated from voices and random latents, as faces will be generated. The
    rest gets the condition and latent of its real face, so that pixels are compared only where the generator
    was given what no voice predicts (light, skin, hair): it need not average over them. The discriminator
    sees both. The paper's generator, which takes no latent, is compared throughout.
    """

    def __init__(
        self,
        config: TrainConfig,
        size_px: int,
        order: IdentityOrder,
        condition: Condition,
        generator: nn.Module,
        encoder: FaceEncoder,
        adversary: Adversary,
        optimiser: torch.optim.Optimizer,
        after: Callable[[int], None],
    ) -> None:
        self.config, self.size_px, self.order = config, size_px, order
        self.condition, self.generator, self.encoder = condition, generator, encoder
        self.adversary, self.optimiser, self.after = adversary, optimiser, after
        self.device = next(generator.parameters()).device
        self.weights = landmark_weights(size_px).to(self.device)
        first_known = config.batch // 2 if isinstance(generator, Generator) else 0
        self.known = (torch.arange(config.batch, device=self.device) >= first_known)[order.mine]

    def __call__(self, i: int, batch: Batch) -> dict[str, Tensor]:
        config, device = self.config, self.device
        if config.architecture == "standard":  # at a constant rate the average of weights is a blurred face
            for optimiser in (self.optimiser, self.adversary.optimiser):
                cosine(optimiser, config.lr, i, config.steps)
        voices, faces, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        z_dim = self.generator.z if isinstance(self.generator, Generator) else 0
        noise, z, flip = (part[self.order.mine].to(device) for part in self._chance(i, z_dim))
        real = from_pixels(faces, self.size_px, flip if config.augment else None)
        real = real.contiguous(memory_format=torch.channels_last)
        y, z, own = self._inputs(voices, noise, z, real)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            generated = self.generator(y, z)
            near = self._distance(generated[self.known].float(), real[self.known])
            losses, loss = {"g/pixel": near}, config.pixel_weight * near
            if i >= config.adversary_from:
                losses |= self.adversary.discriminator_step(i, real, generated, own, y, labels)
                adversarial, terms = self.adversary.generator_loss(generated, y, labels, self.known)
                loss, losses = loss + adversarial, losses | terms
        descend(self.optimiser, loss)
        self.after(i)
        return losses

    @torch.no_grad()
    def _inputs(
        self, voices: Tensor, noise: Tensor, z: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the generator takes, condition [B, K] and latent [B, Z], and the real faces' own condition."""
        if not isinstance(self.condition, PredictedCondition):
            y = own = self.condition.perturb(voices, self.config.condition_noise * noise)
        else:
            own = self.condition.measure(gradients.oriented_gradients(gradients.sized(real)))
            y = torch.where(self.known[:, None], own, self.condition.perturb(voices, noise))
        if isinstance(self.generator, Generator):
            latent = self.generator.flow.inverse(self.encoder(real)[0])
            known = self.generator.latent.infer(latent, y)
            z = torch.where(self.known[:, None], known, z)
        return y, z, own

    def _distance(self, generated: Tensor, real: Tensor) -> Tensor:
        standard = isinstance(self.generator, Generator)
        return pyramid_loss(generated, real, weights=self.weights) if standard else F.l1_loss(generated, real)

    def _chance(self, step: int, z_dim: int) -> tuple[Tensor, Tensor, Tensor]:
        """What is random about a step besides its pairs, for the whole batch: the condition's noise [B, K], z
        [B, Z], and whom to flip [B]."""
        rng, batch = seeded(self.config.seed, step), self.config.batch
        return (
            torch.randn(batch, self.condition.dim, generator=rng),
            torch.randn(batch, z_dim, generator=rng),
            torch.rand(batch, generator=rng) < 0.5,
        )
