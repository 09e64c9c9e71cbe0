"""Learnable PINs (Nagrani, Albanie and Zisserman, ECCV 2018) as a system: a joint embedding of voices and
faces; near means same person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.baselines import PinsConfig
from deepfacegen.data.batches import FaceBatches, IdentityOrder, Manifest, evenly_spaced
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.gradients import gradients_of
from deepfacegen.errors import TooFewPeopleError
from deepfacegen.systems import vggm
from deepfacegen.systems.condition import ProjectedCondition
from deepfacegen.systems.pins import losses, networks
from deepfacegen.systems.pins.batches import FacesOfClips, PairBatches, crops, mixtures
from deepfacegen.systems.pins.fits import Features, equal_error_score, prepare
from deepfacegen.systems.pins.match import SAMPLES, Pins, load
from deepfacegen.training import augment, batch_norm, store
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import descend, identity_order, parameters, seeded

__all__ = ["Pins", "Trained", "load", "save", "train"]

CALIBRATED_ON = 512  # at most so many clips, and photos, of held-out people decide on the threshold


@dataclass(frozen=True)
class Trained:
    """What training leaves: both networks, the curves, what it cost, the score at which two are taken for one
    person, and who and what took part."""

    joint: networks.Joint
    statistics: Statistics
    effort: Effort
    threshold: float
    chosen_on: list[str]
    trained_with: list[str]


def train(
    config: PinsConfig,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: speaker.VoiceEncoder | None,
    recogniser: face.FaceEncoder | None,
    resume: Resume,
    sink: Sink | None = None,
    after: Callable[[int], None] | None = None,
) -> Trained:
    """Train on the training identities. The small size stands on a frozen voice encoder and, with `faces:
    network`, on a frozen face network.

    Raises TooFewPeopleError when there are fewer than two training people, UserError when ranks cannot share
    the batch, ValueError when what it stands on is lacking.
    """
    device = distributed.device()
    distributed.share(config.batch)
    people = manifest.split("train")
    if len(people.identities) < 2:
        raise TooFewPeopleError(
            "pins: negatives are taken from other people, but there are fewer than two to train on"
        )
    torch.manual_seed(config.seed)
    order = identity_order(config, len(people.identities))
    encoder, features = _frozen(config, encoder, recogniser)
    joint, batches = _begin(config, people, audio, photos, encoder, features, order)
    joint = joint.to(device)
    distributed.broadcast(joint)
    batch_norm.share_statistics(joint)
    optimiser = torch.optim.AdamW(parameters(joint), lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.lr, total_steps=config.steps, pct_start=0.2
    )
    places = torch.arange(config.batch, device=device)

    def step(i: int, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        voices, faces, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        joint.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            voices, faces = _vary(config, i, voices, faces, order.mine)
            of_voices, of_faces = joint.voice(voices), joint.face(faces)
        own, same = places[order.mine], labels[order.mine][:, None] == labels[None, :]
        tau = losses.curriculum(i, config.tau_first, config.tau_last, config.tau_rise, config.tau_every)
        # A face that is too near for a voice, and a voice that is too near for a face, count half each.
        found = []
        for anchors, others in ((of_voices, losses.whole(of_faces)), (of_faces, losses.whole(of_voices))):
            apart = losses.distances(anchors, others)
            terms = losses.contrastive(apart, own, same, tau, config.margin, config.semi_hard)
            found.append((*terms, _matching(apart.detach(), own, same)))
        pull, push, matching = (torch.stack(both).mean() for both in zip(*found, strict=True))
        loss = pull + push
        descend(optimiser, loss)
        schedule.step()
        rising = torch.tensor(tau, device=device)
        return {"loss": loss, "pull": pull, "push": push, "matching": matching, "tau": rising}

    statistics = Statistics(every=25, sink=sink)
    effort = fit(
        "pins",
        steps=config.steps,
        batch=batches,
        step=step,
        state={"joint": joint, "optimiser": optimiser, "schedule": schedule},
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
        after=after,
    )
    threshold, chosen_on = _calibrate(Pins(joint, device, encoder, features), manifest, audio, photos)
    took_part = recogniser is not None and config.size == "small" and config.faces == "network"
    judges = recogniser.trained_with if recogniser is not None and took_part else []
    return Trained(joint, statistics, effort, threshold, chosen_on, list(judges))


def save(folder: Path, config: PinsConfig, trained: Trained, identities: Sequence[str]) -> None:
    """Both networks, on whom the threshold was chosen, and which judges took part."""
    (voice_dim, _), (features, directions) = (
        tuple(p.matrix.shape) if isinstance(p, ProjectedCondition) else (0, 0)
        for p in (trained.joint.prepare_voice, trained.joint.prepare_face)
    )
    store.save_trained(
        folder,
        config,
        identities,
        {"joint": trained.joint},
        trained_with=trained.trained_with,
        chosen_on=trained.chosen_on,
        threshold=trained.threshold,
        described=voice_dim,
        features=features,
        directions=directions,
    )


def _vary(config: PinsConfig, step: int, voices: Tensor, faces: Tensor, mine: slice) -> tuple[Tensor, Tensor]:
    """Voices and faces of this rank as trained on; random numbers are sampled for the whole batch."""
    rng = seeded(config.seed, step)
    if config.size == "published":
        pictures = vggm.face_inputs(faces)
        chance = torch.rand(config.batch, augment.DRAWS, generator=rng)[mine]
        return voices, augment.augment(pictures, chance, augment.Strength()) if config.augment else pictures
    noise = [torch.randn(config.batch, x.shape[1], generator=rng)[mine].to(x) for x in (voices, faces)]
    return voices + config.voice_noise * noise[0], faces + config.face_noise * noise[1]


def _matching(apart: Tensor, own: Tensor, same: Tensor) -> Tensor:
    """Share of an anchor's negatives in the batch that are farther than its own item, over anchors."""
    farther = (apart > apart.gather(1, own[:, None])) & ~same
    return (farther.sum(dim=1) / (~same).sum(dim=1).clamp(min=1)).mean()


def _frozen(
    config: PinsConfig, encoder: speaker.VoiceEncoder | None, recogniser: face.FaceEncoder | None
) -> tuple[speaker.VoiceEncoder | None, Features | None]:
    """What comes before the networks, and is not trained."""
    if config.size == "published":
        return None, None
    if encoder is None:
        raise ValueError("the small size needs a voice encoder")
    if config.faces == "gradients":
        return encoder, gradients_of
    if recogniser is None:
        raise ValueError("faces: network needs a face network")
    return encoder, recogniser.embed


def _begin(
    config: PinsConfig,
    people: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: speaker.VoiceEncoder | None,
    features: Features | None,
    order: IdentityOrder,
) -> tuple[networks.Joint, PairBatches]:
    """The networks as they are before the first step, and the batches for them."""
    pairs = FacesOfClips(people.clips, people.faces, video=config.pairs == "video")
    labels = people.clips["label"].to_numpy()
    if encoder is None or features is None:
        voices, pictures = crops(people.clips, audio, SAMPLES), FaceBatches(people.faces, photos)
        return networks.published(config.dim), PairBatches(order, labels, pairs, voices, pictures.gather)
    joint, windows, inputs = prepare(config, people, audio, photos, encoder, features)
    return joint, PairBatches(order, labels, pairs, mixtures(windows), lambda rows: inputs[rows])


def _calibrate(
    system: Pins, manifest: Manifest, audio: AudioShards, photos: FaceShards
) -> tuple[float, list[str]]:
    """The threshold, and on whom it was chosen: validation people, or, where there are fewer than two,
    training people, who score too high."""
    held_out = manifest.split("val")
    chosen = held_out if len(held_out.identities) > 1 else manifest.split("train")
    clips, faces = (t.iloc[evenly_spaced(len(t), CALIBRATED_ON)] for t in (chosen.clips, chosen.faces))
    scores = system.score(audio.clips(clips), photos.rows(faces))
    same = clips["identity_id"].to_numpy()[:, None] == faces["identity_id"].to_numpy()[None, :]
    chosen_on = sorted(chosen.identities["identity_id"]) if chosen is held_out else []
    return equal_error_score(scores, same), chosen_on
