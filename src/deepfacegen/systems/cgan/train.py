"""Deep Face Gen itself: a conditional GAN that generates a face from a voice embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepfacegen import distributed
from deepfacegen.config.schema import TrainConfig, to_dict
from deepfacegen.data.batches import FaceBatches, Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.data.voiceless import Source, Voiceless
from deepfacegen.encoders import speaker
from deepfacegen.systems.cgan import build, closed_form
from deepfacegen.systems.cgan.adversary import Adversary, Weights
from deepfacegen.systems.cgan.generate import Cgan
from deepfacegen.systems.cgan.linear_latent import Generator
from deepfacegen.systems.cgan.pairs import Pairs
from deepfacegen.systems.cgan.step import Step
from deepfacegen.systems.condition import Condition
from deepfacegen.systems.prior.prior import Prior, Sizes
from deepfacegen.training import store
from deepfacegen.training.ema import MovingAverage
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import check_memory, identity_order, parameters

__all__ = ["Cgan", "Trained", "load", "save", "train"]


@dataclass(frozen=True)
class Trained:
    """What training leaves: the networks, the curves, what it cost, and how much of faces the voices
    explain."""

    condition: Condition
    generator: nn.Module
    discriminator: nn.Module
    statistics: Statistics
    effort: Effort
    sizes: Sizes
    explained: float | None


def load(models_dir: Path, device: torch.device) -> Cgan:
    """With its discriminator, unless the folder is part of a release, which only generates. Raises UserError
    if a part is missing."""
    folder = models_dir / "cgan"
    config = store.read_config(folder)
    params, dim, sizes = config["params"], config["condition_dim"], Sizes(**config["sizes"])
    encoder = speaker.load(models_dir / "voice", device)
    condition = build.condition(params, encoder.dim, dim)
    generator = build.generator(params, dim, sizes)
    store.read_weights(folder, "condition", condition)
    store.read_weights(folder, "generator", generator)
    if config.get("released"):
        return Cgan(encoder, condition, generator, params, sizes.image_size_px, device)
    discriminator = build.discriminator(params, dim, len(config["trained_on"]), sizes)
    store.read_weights(folder, "discriminator", discriminator)
    return Cgan(encoder, condition, generator, params, sizes.image_size_px, device, discriminator)


def train(
    config: TrainConfig,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: speaker.VoiceEncoder,
    prior: Prior,
    resume: Resume,
    sink: Sink | None = None,
    after: Callable[[int, Condition, nn.Module], None] | None = None,
    voiceless: Source | None = None,
) -> Trained:
    """Train on the training identities, from `prior` on (the paper's networks begin at random). Photos of
    people without voices (`voiceless`) take part in the closed-form fit of the latents of faces alone.

    The frozen voice encoder runs once over all clips before the first step. `after(step, condition, averaged
    generator)` follows each step. Raises UserError when ranks cannot share the batch, or a step cannot fit
    into memory.
    """
    device, paper = distributed.device(), config.architecture == "paper"
    people, params = manifest.split("train"), to_dict(config)
    identities, sizes = len(people.identities), prior.sizes
    batch = distributed.share(config.batch, parts=1 if paper else 2)  # two halves, see `Step`
    _check_memory(config, batch, encoder.dim, identities, sizes)
    windows = encoder.embed_windows(people.clips, audio)
    condition, r2 = closed_form.fit_condition(config, windows, people, photos)
    distributed.broadcast(condition)
    conditions = condition(windows.flatten(0, 1)).view(*windows.shape[:2], -1)
    torch.manual_seed(config.seed)
    generator: Any = build.generator(params, condition.dim, sizes)
    discriminator: Any = build.discriminator(params, condition.dim, identities, sizes)
    prior = prior.to(device)
    if isinstance(generator, Generator):
        closed_form.fit_latent(
            generator.latent, prior, condition, conditions.mean(dim=1), people, photos, voiceless
        )
        generator.flow.load_state_dict(prior.flow.state_dict())
        generator.synthesis.load_state_dict(prior.synthesis.state_dict())
        discriminator.face.load_state_dict(prior.discriminator.state_dict())
    generator = generator.to(memory_format=build.layout(params, device)).to(device)
    discriminator = discriminator.to(memory_format=torch.channels_last).to(device)
    distributed.broadcast(generator)
    distributed.broadcast(discriminator)
    betas = (config.beta1, config.beta2)
    optimiser = torch.optim.Adam(parameters(generator), config.lr, betas, fused=True)
    adversary = Adversary(
        discriminator,
        torch.optim.Adam(discriminator.parameters(), config.lr, betas, fused=True),
        Weights(
            # The paper's discriminator does not see the voice.
            0.0 if paper else config.mismatch_weight,
            *(config.identity_weight, config.feature_weight, config.r1_weight),
            config.r1_every,
        ),
    )
    average = MovingAverage(generator, config.ema_steps)
    order = identity_order(config, identities)
    labels_of = people.clips["label"].to_numpy()
    step = Step(
        *(config, sizes.image_size_px, order, condition.to(device), generator, prior.encoder),
        *(adversary, optimiser, lambda i: average.update(generator, i)),
    )
    statistics = Statistics(every=25, sink=sink)
    effort = fit(
        "train",
        steps=config.steps,
        batch=Pairs(order, conditions.numpy(), labels_of, FaceBatches(people.faces, photos)),
        step=step,
        state={"generator": generator, "optimiser": optimiser, "adversary": adversary, "average": average},
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
        after=(lambda i: after(i, condition, average.average)) if after is not None else None,
    )
    return Trained(condition.cpu(), average.average, discriminator, statistics, effort, sizes, r2)


def _check_memory(config: TrainConfig, batch: int, voice_dim: int, identities: int, sizes: Sizes) -> None:
    """A step keeps one pass of the generator and two of the discriminator, and a third for the gradient
    penalty, whose gradient is differentiated again."""
    params, size = to_dict(config), sizes.image_size_px
    whole = config.architecture == "paper" or config.condition_dim == 0
    dim = voice_dim - 1 if whole else min(config.condition_dim, voice_dim)
    with torch.device("meta"):
        generator: Any = build.generator(params, dim, sizes)
        discriminator: Any = build.discriminator(params, dim, identities, sizes)
        y, z = torch.empty(batch, dim), torch.empty(batch, sizes.code_dim)
        faces = torch.empty(batch, 3, size, size, requires_grad=True)
    passes = 0 if config.adversary_from >= config.steps else 3 if config.r1_weight else 2
    discriminate = [lambda: discriminator.logits(discriminator.trunk(faces)[0], y)]
    check_memory("train", (generator, discriminator), [lambda: generator(y, z), *(passes * discriminate)])


def trained_on_photos(config: TrainConfig, found: Voiceless | None, prior: Path) -> dict[str, Any] | None:
    """The record of the people without voices who took part, in the fit of latents to a condition that faces
    have, or in the prior (a folder); None for nobody."""
    if config.architecture == "paper":
        return None
    if found is not None and config.condition_dim > 0:
        return found.record
    return store.read_config(prior).get("trained_on_photos")


def save(
    folder: Path,
    config: TrainConfig,
    trained: Trained,
    identities: Sequence[str],
    trained_on_photos: dict[str, Any] | None = None,
) -> None:
    """The condition, the averaged generator and the discriminator; whom they were trained on, with voices
    (`identities`) and without (`voiceless.record`).

    Nothing is chosen on held-out people: training ends after a fixed number of steps, and the condition is
    fitted within the training people.
    """
    parts = {
        "condition": trained.condition,
        "generator": trained.generator,
        "discriminator": trained.discriminator,
    }
    dim, sizes = trained.condition.dim, to_dict(trained.sizes)
    more: dict[str, Any] = {"trained_on_photos": trained_on_photos} if trained_on_photos else {}
    store.save_trained(folder, config, identities, parts, condition_dim=dim, sizes=sizes, **more)
