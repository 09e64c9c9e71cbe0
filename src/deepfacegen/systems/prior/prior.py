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
from deepfacegen.systems.prior import flow
from deepfacegen.systems.prior.flow import Flow
from deepfacegen.systems.prior.networks import FaceEncoder, RealFace, RealPlaces, Synthesis
from deepfacegen.systems.prior.step import PriorStep
from deepfacegen.training import store
from deepfacegen.training.ema import MovingAverage
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import check_memory, cosine, identity_order, parameters

log = logging.getLogger(__name__)

PORTRAITS = Path(__file__).parent / "portraits"
AVERAGED = ("encoder", "synthesis")
PARTS = (*AVERAGED, "flow", "discriminator")
MOST_CODES = 100_000  # are enough to fit the flow to
PACE = 2.0  # learning rate of the discriminator, of that of the others: it has to be ahead


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
    config: PriorConfig,
    sources: Sequence[Source],
    resume: Resume,
    sink: Sink | None = None,
    start: Prior | None = None,
) -> Trained:
    """Train on the photos of one or several faces tables, of which nobody is in two (`label` says whose a
    photo is, 0..N-1), from the weights of `start` if there is one; every rank ends with the same weights. The
    ready-made prior is taken as it is."""
    if config.architecture == "portraits":
        none = Effort(steps=0, seconds=0.0, waited_share=0.0, resumed_at=0)
        return Trained(load(PORTRAITS), Statistics(every=1), none)
    device = distributed.device()
    batch = distributed.share(config.batch)
    _check_memory(config, batch)
    torch.manual_seed(config.seed)
    prior = (start or Prior.untrained(Sizes.of(config))).to(device)
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
    networks = (prior.encoder, prior.synthesis, prior.discriminator, places)
    steps = PriorStep(config, *networks, own, opposed, order)

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
