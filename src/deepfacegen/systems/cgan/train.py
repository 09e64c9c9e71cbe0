"""Deep Face Gen itself: a conditional GAN that generates a face from a voice embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config.schema import TrainConfig, to_dict
from deepfacegen.data.batches import ByLabel, FaceBatches, IdentityOrder, Manifest, mixed_windows
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.systems.cgan import closed_form
from deepfacegen.systems.cgan.adversary import Adversary, Weights
from deepfacegen.systems.cgan.generate import Cgan
from deepfacegen.systems.cgan.networks import Discriminator, Generator
from deepfacegen.systems.cgan.paper_networks import WenDiscriminator, WenGenerator
from deepfacegen.systems.condition import Condition, ProjectedCondition, WholeCondition
from deepfacegen.training import store
from deepfacegen.training.ema import MovingAverage
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import check_memory, descend, identity_order, seeded

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
    explained: float | None


def load(models_dir: Path, device: torch.device) -> Cgan:
    """With its discriminator, unless the folder is part of a release, which only generates. Raises UserError
    if a part is missing."""
    folder = models_dir / "cgan"
    config = store.read_config(folder)
    params, dim = config["params"], config["condition_dim"]
    encoder = speaker.load(models_dir / "voice", device)
    condition, generator = _condition(params, encoder.dim, dim), _generator(params, dim)
    store.read_weights(folder, "condition", condition)
    store.read_weights(folder, "generator", generator)
    if config.get("released"):
        return Cgan(encoder, condition, generator, params, device)
    discriminator = _discriminator(params, dim, len(config["trained_on"]))
    store.read_weights(folder, "discriminator", discriminator)
    return Cgan(encoder, condition, generator, params, device, discriminator)


def train(
    config: TrainConfig,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: speaker.VoiceEncoder,
    resume: Resume,
    sink: Sink | None = None,
    after: Callable[[int, Condition, nn.Module], None] | None = None,
) -> Trained:
    """Train on the training identities.

    The frozen voice encoder runs once over all clips before the first step. `after(step, condition, averaged
    generator)` follows each step. Raises UserError when ranks cannot share the batch, or a step cannot fit
    into memory.
    """
    device, paper = distributed.device(), config.architecture == "paper"
    people, params = manifest.split("train"), to_dict(config)
    identities = len(people.identities)
    batch = distributed.share(config.batch, parts=1 if paper else 2)  # two halves, see `known`
    _check_memory(config, batch, encoder.dim, identities)
    windows = encoder.embed_windows(people.clips, audio)
    condition, r2 = closed_form.fit_condition(config, windows, people, photos)
    distributed.broadcast(condition)
    conditions = condition(windows.flatten(0, 1)).view(*windows.shape[:2], -1)
    torch.manual_seed(config.seed)
    generator = _generator(params, condition.dim).to(memory_format=_layout(config, device)).to(device)
    discriminator = _discriminator(params, condition.dim, identities)
    discriminator = discriminator.to(memory_format=torch.channels_last).to(device)
    linear = generator.linear if isinstance(generator, Generator) else None
    if linear is not None:
        closed_form.fit_linear(linear, config.image_size_px, conditions.mean(dim=1), people, photos)
    distributed.broadcast(generator)
    distributed.broadcast(discriminator)
    betas = (config.beta1, config.beta2)
    optimiser = torch.optim.Adam(generator.parameters(), config.lr, betas, fused=True)
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
    pairs = Pairs(order, conditions.numpy(), labels_of, FaceBatches(people.faces, photos))

    # The first half of the batch is generated from noise, the rest from the z that would give its real face,
    # so that pixels are compared only where the generator was given what no voice predicts (light, skin,
    # hair): it need not average over them. Each rank has its part of both.
    first_known = config.batch // 2 if linear is not None else 0
    known = (torch.arange(config.batch, device=device) >= first_known)[order.mine]

    def step(i: int, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        condition_of, faces, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        noise, z, flip = (whole[order.mine].to(device) for whole in _chance(config, i, condition.dim))
        y = condition.perturb(condition_of, config.condition_noise * noise)
        real = from_pixels(faces, config.image_size_px, flip if config.augment else None)
        real = real.contiguous(memory_format=torch.channels_last)
        if linear is not None:
            z = torch.where(known[:, None], linear.infer(real, y), z)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            generated = generator(y, z)
            losses: dict[str, Tensor] = {"g/pixel": F.l1_loss(generated[known].float(), real[known])}
            loss = config.pixel_weight * losses["g/pixel"]
            if i >= config.adversary_from:
                losses |= adversary.discriminator_step(i, real, generated, y, labels)
                adversarial, terms = adversary.generator_loss(generated, y, labels, known)
                loss, losses = loss + adversarial, losses | terms
        descend(optimiser, loss)
        average.update(generator, i)
        return losses

    statistics = Statistics(every=25, sink=sink)
    effort = fit(
        "train",
        steps=config.steps,
        batch=pairs,
        step=step,
        state={"generator": generator, "optimiser": optimiser, "adversary": adversary, "average": average},
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
        after=(lambda i: after(i, condition, average.average)) if after is not None else None,
    )
    return Trained(condition, average.average, discriminator, statistics, effort, r2)


def _check_memory(config: TrainConfig, batch: int, voice_dim: int, identities: int) -> None:
    """A step keeps one pass of the generator and two of the discriminator, and a third for the gradient
    penalty, whose gradient is differentiated again."""
    params, size = to_dict(config), config.image_size_px
    whole = config.architecture == "paper" or config.condition_dim == 0
    dim = voice_dim - 1 if whole else min(config.condition_dim, voice_dim)
    with torch.device("meta"):
        generator, discriminator = _generator(params, dim), _discriminator(params, dim, identities)
        y, z = torch.empty(batch, dim), torch.empty(batch, config.z_dim)
        faces = torch.empty(batch, 3, size, size, requires_grad=True)
    passes = 0 if config.adversary_from >= config.steps else 3 if config.r1_weight else 2
    discriminate = [lambda: discriminator.logits(discriminator.trunk(faces)[0], y)]
    check_memory("train", (generator, discriminator), [lambda: generator(y, z), *(passes * discriminate)])


def _chance(config: TrainConfig, step: int, condition_dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """What is random about a step besides its pairs, for the whole batch: the condition's noise [B, K], z [B,
    Z], and whom to flip [B]."""
    rng = seeded(config.seed, step)
    return (
        torch.randn(config.batch, condition_dim, generator=rng),
        torch.randn(config.batch, config.z_dim, generator=rng),
        torch.rand(config.batch, generator=rng) < 0.5,
    )


class Pairs:
    """step -> (conditions [B, K], faces uint8 [B, S, S, 3], labels [B]): one voice and one face of each
    identity, of this rank's part of the batch. A voice is a random mixture of the windows of one clip."""

    def __init__(
        self, order: IdentityOrder, conditions: np.ndarray, clip_labels: np.ndarray, faces: FaceBatches
    ) -> None:
        self.order, self.conditions, self.faces = order, conditions, faces
        self.clips = ByLabel(clip_labels)

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 3, step, 0])
        labels, mine = self.order.whole(step), self.order.mine
        conditions = mixed_windows(self.conditions, self.clips.draw(labels, rng), rng, mine)
        return conditions, self.faces.draw(labels, rng, mine), labels[mine]


def save(folder: Path, config: TrainConfig, trained: Trained, identities: Sequence[str]) -> None:
    """The condition, the averaged generator and the discriminator.

    Nothing is chosen on held-out people: training ends after a fixed number of steps, and the condition is
    fitted within the training people.
    """
    parts = {
        "condition": trained.condition,
        "generator": trained.generator,
        "discriminator": trained.discriminator,
    }
    store.save_trained(folder, config, identities, parts, condition_dim=trained.condition.dim)


def _condition(params: dict[str, Any], voice_dim: int, dim: int) -> Condition:
    whole = params["architecture"] == "paper" or params["condition_dim"] == 0
    return WholeCondition(dim) if whole else ProjectedCondition(voice_dim, dim)


def _layout(config: TrainConfig, device: torch.device) -> torch.memory_format:
    """Of the generator's weights. On a CPU, Adam is slow over those with channels last, and the paper's
    generator has 12 million."""
    plain = config.architecture == "paper" and device.type == "cpu"
    return torch.contiguous_format if plain else torch.channels_last


def _generator(params: dict[str, Any], condition_dim: int) -> Any:
    activation = params.get("face_activation", "identity")  # not in a model saved before the parameter was
    if params["architecture"] == "paper":
        return WenGenerator(condition_dim, activation=activation)
    widths = params["image_size_px"], params["channels"], params["max_channels"]
    return Generator(condition_dim, params["z_dim"], *widths, activation=activation)


def _discriminator(params: dict[str, Any], condition_dim: int, identities: int) -> Any:
    activation = params.get("logit_activation", "identity")
    if params["architecture"] == "paper":
        return WenDiscriminator(identities, activation=activation)
    widths = params["image_size_px"], params["channels"], params["max_channels"]
    return Discriminator(condition_dim, identities, *widths, activation=activation)
