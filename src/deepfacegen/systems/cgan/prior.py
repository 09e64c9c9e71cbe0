"""The prior of faces: what faces look like, whoever they are of, learned from photos alone.

An autoencoder with a noisy code (Kingma and Welling 2014) trained with a discriminator (Larsen et al. 2016),
and a flow from a standard normal to its codes. The conditional GAN starts from it. First the autoencoder
alone, then with the discriminator, which from the first step on would teach it stripes; at last the flow.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config.schema import PriorConfig, to_dict
from deepfacegen.data.batches import FaceBatches, IdentityOrder, evenly_spaced
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.data.voiceless import Source, joined
from deepfacegen.systems.cgan import flow
from deepfacegen.systems.cgan.flow import Flow
from deepfacegen.systems.cgan.networks import FaceEncoder, RealFace, RealPlaces, Synthesis
from deepfacegen.training import store
from deepfacegen.training.ema import MovingAverage
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.losses import (
    fake_loss,
    feature_loss,
    gradient_penalty,
    landmark_weights,
    pyramid_loss,
    real_loss,
)
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import check_memory, cosine, descend, identity_order, parameters, seeded

log = logging.getLogger(__name__)

PORTRAITS = Path(__file__).parent / "portraits"
AVERAGED = ("encoder", "synthesis")
PARTS = (*AVERAGED, "flow", "discriminator")
MOST_CODES = 100_000  # are enough to fit the flow to
PACE = 2.0  # learning rate of the discriminator, of that of the others: it has to be ahead
LONGEST_STEP = 1.0  # norm to which gradients are cut; without a limit some runs diverge


@dataclass(frozen=True)
class Sizes:
    """What the shapes of the networks follow from."""

    image_size_px: int
    channels: int
    max_channels: int
    code_dim: int

    @classmethod
    def of(cls, config: PriorConfig) -> Sizes:
        return cls(config.image_size_px, config.channels, config.max_channels, config.code_dim)

    @property
    def widths(self) -> tuple[int, int, int]:
        return self.image_size_px, self.channels, self.max_channels


@dataclass(frozen=True)
class Prior:
    """face -> code -> face, standard normal <-> code, and the discriminator that they were trained with."""

    sizes: Sizes
    encoder: FaceEncoder
    synthesis: Synthesis
    flow: Flow
    discriminator: RealFace

    @classmethod
    def untrained(cls, sizes: Sizes) -> Prior:
        code = sizes.code_dim
        return cls(
            *(sizes, FaceEncoder(*sizes.widths, code), Synthesis(*sizes.widths, code)),
            *(Flow(code), RealFace(*sizes.widths)),
        )

    @property
    def parts(self) -> dict[str, nn.Module]:
        return {name: getattr(self, name) for name in PARTS}

    def to(self, device: torch.device) -> Prior:
        for network in self.parts.values():
            network.to(memory_format=torch.channels_last).to(device)  # type: ignore[call-overload]
        return self

    def latents(self, faces: pd.DataFrame, photos: FaceShards) -> Tensor:
        """Rows of a faces table -> what the flow makes of their mean codes, float32 [N, Z] on the CPU."""
        codes, _ = self.codes(faces, photos)
        with torch.inference_mode():
            return self.flow.inverse(codes.to(next(self.flow.parameters()).device)).cpu()

    @torch.inference_mode()
    def codes(self, faces: pd.DataFrame, photos: FaceShards, flip: bool = False) -> tuple[Tensor, Tensor]:
        """Rows of a faces table, mirrored if `flip` -> means and deviations of their codes, float32 [N, Z]
        each on the CPU."""
        device = next(self.encoder.parameters()).device
        found = [torch.empty(2, 0, self.sizes.code_dim)]
        for part in batched(faces, 256):
            flips = torch.full((len(part),), flip, device=device)
            pixels = torch.from_numpy(photos.rows(part)).to(device)
            mean, log_variance = self.encoder(from_pixels(pixels, self.sizes.image_size_px, flips))
            found.append(torch.stack([mean, torch.exp(0.5 * log_variance)]).cpu())
        means, deviations = torch.cat(found, dim=1)
        return means, deviations

    @torch.inference_mode()
    def faces(self, latents: Tensor) -> Tensor:
        """Latents [B, Z] -> faces [B, 3, S, S] in about [-1, 1]."""
        return self.synthesis(self.flow(latents))


def load(folder: Path) -> Prior:
    """Raises UserError if there is no prior in the folder."""
    prior = Prior.untrained(Sizes(**store.read_config(folder)["sizes"]))
    for name, network in prior.parts.items():
        store.read_weights(folder, name, network)
        network.eval()
    return prior


def save(
    folder: Path,
    config: PriorConfig,
    prior: Prior,
    identities: Sequence[str],
    half: bool = False,
    trained_on_photos: dict[str, Any] | None = None,
) -> None:
    """Weights (float16 if `half`), how to rebuild the networks, and on whose photos it was trained, with
    voices (`identities`) and without (`voiceless.record`)."""
    parts: dict[str, Any] = {
        name: {k: v.half() if half else v for k, v in network.state_dict().items()}
        for name, network in prior.parts.items()
    }
    more: dict[str, Any] = {"trained_on_photos": trained_on_photos} if trained_on_photos else {}
    store.save_trained(folder, config, identities, parts, sizes=to_dict(prior.sizes), **more)


@dataclass(frozen=True)
class Trained:
    """What training leaves. A ready-made prior costs no step and has no curve."""

    prior: Prior
    statistics: Statistics
    effort: Effort


class Photos:
    """step -> faces uint8 [B, S, S, 3]: a random photo of each identity, of this rank's part of the batch."""

    def __init__(self, order: IdentityOrder, faces: FaceBatches) -> None:
        self.order, self.faces = order, faces

    def __call__(self, step: int) -> np.ndarray:
        rng = np.random.default_rng([self.order.seed, 6, step, 0])
        return self.faces.draw(self.order.whole(step), rng, self.order.mine)


def train(
    config: PriorConfig, sources: Sequence[Source], resume: Resume, sink: Sink | None = None
) -> Trained:
    """Train on the photos of one or several faces tables, of which nobody is in two (`label` says whose a
    photo is, 0..N-1); every rank ends with the same weights. The ready-made prior is taken as it is."""
    if config.architecture == "portraits":
        none = Effort(steps=0, seconds=0.0, waited_share=0.0, resumed_at=0)
        return Trained(load(PORTRAITS), Statistics(every=1), none)
    device = distributed.device()
    batch = distributed.share(config.batch)
    _check_memory(config, batch)
    torch.manual_seed(config.seed)
    prior = Prior.untrained(Sizes.of(config)).to(device)
    for network in prior.parts.values():
        distributed.broadcast(network)
    places = RealPlaces(*prior.sizes.widths).to(device)
    own, opposed = (
        torch.optim.Adam(parameters(*networks), config.lr, (0.5, 0.99), fused=True)
        for networks in ((prior.encoder, prior.synthesis), (prior.discriminator, places))
    )
    averages = {name: MovingAverage(prior.parts[name], config.ema_steps) for name in AVERAGED}
    faces, photos = joined(sources)
    order = identity_order(config, int(faces["label"].max()) + 1)
    steps = _Steps(config, prior, places, own, opposed, order)

    def step(i: int, batch: np.ndarray) -> dict[str, Tensor]:
        cosine(own, config.lr, i, config.steps)
        cosine(opposed, PACE * config.lr, i, config.steps)
        losses = steps(i, torch.from_numpy(batch).to(device, non_blocking=True))
        for name, average in averages.items():
            average.update(prior.parts[name], i)
        return losses

    statistics = Statistics(every=25, sink=sink)
    effort = fit(
        "prior",
        steps=config.steps,
        batch=Photos(order, FaceBatches(faces, photos)),
        step=step,
        state={
            **{**prior.parts, "places": places, "own": own, "opposed": opposed},
            **{f"mean_{name}": average for name, average in averages.items()},
        },
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
    )
    averaged: dict[str, Any] = {name: average.average for name, average in averages.items()}
    found = Prior(prior.sizes, flow=prior.flow, discriminator=prior.discriminator, **averaged)
    _fit_flow(config, found, faces, photos)
    return Trained(found, statistics, effort)


def _fit_flow(config: PriorConfig, prior: Prior, faces: pd.DataFrame, photos: FaceShards) -> None:
    """On the CPU and by every rank alike: a minute."""
    some = faces.iloc[evenly_spaced(len(faces), MOST_CODES)]
    pairs = [prior.codes(some, photos, flip) for flip in (False, True)]
    means, deviations = (torch.stack(parts, dim=1).flatten(0, 1) for parts in zip(*pairs, strict=True))
    device = next(prior.flow.parameters()).device
    normal, found = flow.fit(prior.flow.cpu(), means, deviations, config.flow_steps, config.seed)
    prior.flow.to(device)
    log.info(
        "prior: nats per number of held-out codes %.3f by a normal distribution, %.3f by the flow",
        normal,
        found,
    )


class _Steps:
    """A step of the autoencoder and, from `adversary_from` on, of the discriminator."""

    def __init__(
        self,
        config: PriorConfig,
        prior: Prior,
        places: RealPlaces,
        own: torch.optim.Optimizer,
        opposed: torch.optim.Optimizer,
        order: IdentityOrder,
    ) -> None:
        self.config, self.prior, self.places = config, prior, places
        self.own, self.opposed, self.order = own, opposed, order
        device = next(prior.encoder.parameters()).device
        self.weights = landmark_weights(config.image_size_px).to(device)

    def __call__(self, i: int, faces: Tensor) -> dict[str, Tensor]:
        config, prior, rng = self.config, self.prior, seeded(self.config.seed, i)
        whole = torch.randn(config.batch, config.code_dim, generator=rng)
        flip = (torch.rand(config.batch, generator=rng) < 0.5)[self.order.mine].to(faces.device)
        noise = whole[self.order.mine].to(faces.device)
        real = from_pixels(faces, config.image_size_px, flip).contiguous(memory_format=torch.channels_last)
        with torch.autocast(faces.device.type, torch.bfloat16, enabled=_has_bfloat16(faces.device)):
            mean, log_variance = prior.encoder(real)
            generated = prior.synthesis(mean + noise * torch.exp(0.5 * log_variance))
            losses = {
                "pixel": pyramid_loss(generated.float(), real, weights=self.weights),
                "divergence": 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(),
            }
            loss = config.pixel_weight * losses["pixel"] + config.divergence_weight * losses["divergence"]
            if i >= config.adversary_from:
                found, features = self._discriminate(i, real, generated.detach())
                losses |= found
                self._trains(False)
                logits, own = prior.discriminator(generated)
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
        logits, features = self.prior.discriminator(real)
        generated_logits, generated_features = self.prior.discriminator(generated)
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
        self.prior.discriminator.requires_grad_(yes)
        self.places.requires_grad_(yes)


def _check_memory(config: PriorConfig, batch: int) -> None:
    with torch.device("meta"):
        prior = Prior.untrained(Sizes.of(config))
        faces = torch.empty(batch, 3, config.image_size_px, config.image_size_px, requires_grad=True)
        codes = torch.empty(batch, config.code_dim)
    passes = [
        *(lambda: prior.encoder(faces)[0], lambda: prior.synthesis(codes)),
        *(2 * [lambda: prior.discriminator(faces)[0]]),
    ]
    check_memory("prior", tuple(prior.parts.values()), passes)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself: others would emulate it, slowly."""
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
