"""Training of the conditional CycleGAN: low-res face + attributes (+ identity) -> high-res face, without
pairs (Lu, Tai and Tang 2018).
 Half of a step's photos only ever enter as low-res faces; the adversary compares what is drawn of them with
 the other half, photos of other people. The one place where a low-res face meets its own photo is the cycle
 high-low-high, as in every CycleGAN. With `backward: area`, the default, the way
down is the reduction by area itself: it is known here, a learned one could only come near it, and it costs a
third network and adversary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.batches import IdentityOrder, Manifest
from deepfacegen.data.manifest import attributes as labels_of
from deepfacegen.data.shards import FaceShards
from deepfacegen.systems.cyclegan import fits
from deepfacegen.systems.cyclegan.adversary import AttributeAdversary, Weights
from deepfacegen.systems.cyclegan.batches import Batch, Batches, chunks
from deepfacegen.systems.cyclegan.identity import FaceEncoder, embed, verification_loss
from deepfacegen.systems.cyclegan.networks import Critic, LowCritic, Reducer, Upscaler, reduced, small
from deepfacegen.training.ema import MovingAverage
from deepfacegen.training.loop import Effort, Stateful, fit
from deepfacegen.training.losses import fake_loss, real_loss
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics

# below this the L1 of low-res faces is squared: it begins near 0, where plain L1 would hold the whole network
# still
ROUNDED = 0.1


@dataclass(frozen=True)
class Trained:
    """What training leaves. `voice` and which attributes voices tell only if there were voices; `reducer`
    only if the way back was learned."""

    names: list[str]
    identity_dim: int
    generator: Upscaler
    critic: Critic
    frontal: nn.Linear
    voice: nn.Linear | None
    told_by_voice: list[bool]
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
    voices: Tensor | None = None,
    sink: Sink | None = None,
) -> Trained:
    """Train on all of the training people's photos. The classifier that judges attributes later takes no
    part.

    attributes: a table as in `data.manifest.attributes`. face: needed with `config.identity`. voices [clips,
    Y]: descriptions of the training clips, of which `fit_voice` then learns. Raises ValueError for an
    identity without a face network.
    """
    device, learned = distributed.device(), config.backward == "learned"
    distributed.share(config.batch, parts=2)
    begun = _begin(config, manifest, photos, attributes, face, voices)
    generator, critic, reducer, low_critic = begun.networks
    for network in begun.networks:
        distributed.broadcast(network.to(device))
    drawing = [
        p for p in (*generator.parameters(), *(reducer.parameters() if learned else ())) if p.requires_grad
    ]
    optimiser = _adam(config, drawing)
    adversary = _adversary(config, critic)
    low_optimiser = _adam(config, low_critic.parameters()) if learned else None
    average = MovingAverage(generator, config.ema_steps)
    order = IdentityOrder(begun.people, config.batch, config.seed, distributed.rank(), distributed.world())
    batches = Batches(config, order, begun.faces, photos, begun.shown, begun.known)
    to_low = reducer if learned else _Area(config.scale)
    verifier = (
        face.network.to(device).eval().requires_grad_(False) if config.identity and face is not None else None
    )

    def step(i: int, batch: Batch) -> dict[str, Tensor]:
        part = {name: torch.from_numpy(value).to(device) for name, value in batch.items()}
        given, real = (
            from_pixels(part[name], config.size_px, part[f"{name}_flip"] if config.augment else None)
            for name in ("given", "real")
        )
        low = reduced(given, config.scale)
        again = to_low(real)
        asked = torch.cat([part["asked"], part["attributes"]])
        who = torch.cat([part["who"], part["whose"]])
        edited, moved = generator.edit(torch.cat([low, again]), asked, who)
        drawn, back = generator.draw(edited, moved, asked, who).split([len(low), len(real)])
        told = {"g/high_low_high": F.l1_loss(back, real)}
        strict = 1 + part["changed"].float() * (config.changed_consistency - 1)
        off = F.smooth_l1_loss(to_low(drawn), edited[: len(low)].detach(), reduction="none", beta=ROUNDED)
        told["g/low_high_low"] = (off.mean(dim=(1, 2, 3)) * strict).mean()
        told |= adversary.learn(i, real, part["attributes"], part["wrong"], drawn, part["asked"])
        told["g/adversarial"], told["g/attributes"] = adversary.teach(drawn, part["asked"])
        loss = (
            config.cycle_weight * told["g/high_low_high"] + config.consistency_weight * told["g/low_high_low"]
        )
        loss = (
            loss
            + config.adversarial_weight * told["g/adversarial"]
            + config.attribute_weight * told["g/attributes"]
        )
        if verifier is not None and config.verification_weight:
            told["g/verification"] = verification_loss(verifier, drawn, part["who"], part["chance"])
            loss = loss + config.verification_weight * told["g/verification"]
        if low_optimiser is not None:
            told |= _learn_low(low_critic, low_optimiser, low, again)
            told["f/adversarial"] = real_loss(low_critic(again))
            loss = loss + config.adversarial_weight * told["f/adversarial"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        distributed.sync_gradients(drawing)
        optimiser.step()
        average.update(generator, i)
        return told

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
    told_of = (begun.frontal, begun.voice, begun.told_by_voice, reducer if learned else None)
    return Trained(
        begun.names,
        begun.known.shape[1],
        cast(Upscaler, average.average),
        critic,
        *told_of,
        statistics,
        effort,
    )


@dataclass(frozen=True)
class _Begun:
    """Before the first step: the photos, what they show [N, K] and the embedding of each [N, D], and all that
    is fitted in closed form."""

    people: int
    names: list[str]
    faces: pd.DataFrame
    shown: np.ndarray
    known: np.ndarray
    networks: tuple[Upscaler, Critic, Reducer, LowCritic]
    frontal: nn.Linear
    voice: nn.Linear | None
    told_by_voice: list[bool]


def _begin(
    config: CycleganConfig,
    manifest: Manifest,
    photos: FaceShards,
    attributes: pd.DataFrame,
    face: FaceEncoder | None,
    voices: Tensor | None,
) -> _Begun:
    people, names = manifest.split("train"), list(attributes.columns)
    faces = people.faces
    shown = np.nan_to_num(labels_of.matrix(attributes, faces))
    if config.identity and face is None:
        raise ValueError("cyclegan.identity needs a face network")
    known = (
        embed(face, faces, photos)
        if config.identity and face is not None
        else np.zeros((len(faces), 0), np.float32)
    )
    torch.manual_seed(config.seed)
    made = networks(config, len(names), known.shape[1])
    fits.fit_start(made[0].start, chunks(config.size_px, faces, photos, shown), config.ridge)
    low = ((reduced(high, config.scale), told) for high, told in chunks(config.size_px, faces, photos, shown))
    fits.fit_edit(made[0].edit, low, torch.from_numpy(known))
    frontal = _fit_frontal(config, faces, photos, shown)
    voice, told_by_voice = None, [False] * len(names)
    if voices is not None:
        by_person = pd.DataFrame(shown).groupby(faces["label"].to_numpy()).mean().round()
        of_clips = people.clips["label"].to_numpy()
        voice, told_by_voice = fits.fit_voice(
            voices, torch.from_numpy(np.array(by_person.loc[of_clips], np.float32)), of_clips
        )
    return _Begun(len(people.identities), names, faces, shown, known, made, frontal, voice, told_by_voice)


def _adam(config: CycleganConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, config.lr, (config.beta1, config.beta2))


def _adversary(config: CycleganConfig, critic: Critic) -> AttributeAdversary:
    weights = Weights(config.mismatch_weight, config.attribute_weight, config.r1_weight, config.r1_every)
    return AttributeAdversary(critic, _adam(config, critic.parameters()), weights)


class _Area(nn.Module):
    """The known way down, with the face of a learned one."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, faces: Tensor) -> Tensor:
        return reduced(faces, self.scale)


def _learn_low(
    critic: LowCritic, optimiser: torch.optim.Optimizer, low: Tensor, made: Tensor
) -> dict[str, Tensor]:
    critic.requires_grad_(True)
    loss = real_loss(critic(low)) + fake_loss(critic(made.detach()))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    distributed.sync_gradients(critic.parameters())
    optimiser.step()
    critic.requires_grad_(False)
    return {"d/low": loss}


def networks(
    config: CycleganConfig, attributes: int, identity: int
) -> tuple[Upscaler, Critic, Reducer, LowCritic]:
    return (
        Upscaler(
            attributes, identity, config.size_px, config.scale, config.channels, config.edit, config.kept
        ),
        Critic(attributes, config.size_px, config.channels),
        Reducer(config.size_px, config.scale, config.channels),
        LowCritic(config.channels),
    )


def _fit_frontal(
    config: CycleganConfig, faces: pd.DataFrame, photos: FaceShards, shown: np.ndarray
) -> nn.Linear:
    low = torch.cat(
        [small(reduced(high, config.scale)) for high, _ in chunks(config.size_px, faces, photos, shown)]
    )
    yaw = faces["yaw_ratio"].to_numpy(dtype=float) if "yaw_ratio" in faces else np.zeros(len(faces))
    return fits.fit_frontal(low, faces["label"].to_numpy(), yaw)
