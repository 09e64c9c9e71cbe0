"""A matcher that generates nothing: two small heads on frozen embeddings of voice and face, trained by a
symmetric contrastive loss.

InfoNCE over the whole batch, both ways, as in CLIP (Radford et al. 2021); all clips and photos of a person
match each other. The heads start from ridge regression and end where people left out of their training are
matched best, the start included. The option `covariate_weight` adds what DIMNet learns by (Wen et al. 2018):
one classifier for both modalities, on gender and nationality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.baselines import ContrastiveConfig
from deepfacegen.data.batches import IdentityOrder, Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.errors import TooFewPeopleError
from deepfacegen.systems.contrastive.fits import (
    Best,
    Classifiers,
    Views,
    accuracy_left_out,
    person_means,
    start,
)
from deepfacegen.systems.contrastive.losses import multi_positive
from deepfacegen.systems.contrastive.match import Contrastive, FaceEmbeddings, load
from deepfacegen.systems.contrastive.networks import Matcher
from deepfacegen.training import linear_match, store
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import descend, parameters, seeded

__all__ = ["Contrastive", "Trained", "load", "save", "train"]

EVALUATE_EVERY = 10  # steps between two accuracies on the people left out
FEWEST = 4  # training people


@dataclass(frozen=True)
class Trained:
    """What training leaves: the heads, the curves, what it cost, the ridge of the linear start, which step
    was kept, and the accuracy on people left out (choices of two, one voice and one face a person) of the
    linear start and of the heads that were kept. `trained_with` names the judges that took part."""

    matcher: Matcher
    statistics: Statistics
    effort: Effort
    ridge: float
    step_kept: int
    linear_accuracy: float
    accuracy: float
    trained_with: list[str]


def train(
    config: ContrastiveConfig,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: speaker.VoiceEncoder,
    recogniser: face.FaceEncoder | None,
    resume: Resume,
    sink: Sink | None = None,
) -> Trained:
    """Train on the training identities: closed form first, then steps.

    Every rank computes the whole batch: heads are small, and each person is everybody else's negative.
    Raises TooFewPeopleError with fewer than four people.
    """
    device, people = distributed.device(), manifest.split("train")
    count = len(people.identities)
    if count < FEWEST:
        raise TooFewPeopleError(
            f"contrastive: {count} training people are too few to leave any out; at least {FEWEST} are needed"
        )
    embed = FaceEmbeddings(config.faces, recogniser)
    windows, faces = encoder.embed_windows(people.clips, audio), embed.rows(people.faces, photos)
    clip_of, photo_of = people.clips["label"].to_numpy(), people.faces["label"].to_numpy()
    fold = np.random.default_rng(config.seed).permutation(count) % min(config.members, count // 2)
    torch.manual_seed(config.seed)
    blocks = embed.blocks(faces.shape[1])
    matcher, whole, chosen = start(config, windows, faces, clip_of, photo_of, fold, blocks)
    matcher.to(device)
    classifiers = Classifiers(people.identities, matcher).to(device)
    distributed.broadcast(matcher)
    distributed.broadcast(classifiers)
    y = matcher.face_inputs(faces.to(device))
    # One voice and one face of each person, on which those left out are matched.
    voices_of = matcher.voice_inputs(person_means(speaker.pool(windows), clip_of).to(device))
    faces_of = person_means(y.cpu(), photo_of).to(device)
    # Whom each head leaves out: [M, N].
    out = torch.from_numpy(fold)[None].to(device) == torch.arange(fold.max() + 1, device=device)[:, None]
    best = Best(matcher, accuracy_left_out(matcher, voices_of, faces_of, out))
    linear = float(best.accuracy)
    optimiser = torch.optim.AdamW(
        parameters(matcher, classifiers), lr=config.lr, weight_decay=config.weight_decay
    )
    order = IdentityOrder(count, min(config.batch, count), config.seed)
    views = Views(order, windows.numpy(), clip_of, photo_of, config.views)

    def step(i: int, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        voices, rows, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        rng = seeded(config.seed, i)
        a, b = (_disturb(x, config, rng) for x in (matcher.voice_inputs(voices), y[rows]))
        u, v = (
            head(x, _keep(len(x), config.hidden, config.hidden_dropout, rng).to(device))
            for head, x in ((matcher.voice, a), (matcher.face, b))
        )
        inside = ~out[:, labels]
        loss = multi_positive(config.scale * u @ v.transpose(1, 2), labels, inside)
        metrics = {"loss": loss}
        if config.covariate_weight:
            metrics["covariates"] = classifiers(u, labels, inside) + classifiers(v, labels, inside)
            loss = loss + config.covariate_weight * metrics["covariates"]
        descend(optimiser, loss)
        if (i + 1) % EVALUATE_EVERY == 0:
            metrics["left_out"] = accuracy_left_out(matcher, voices_of, faces_of, out)
            best.offer(matcher, metrics["left_out"], i + 1)
        return metrics

    statistics = Statistics(every=EVALUATE_EVERY, sink=sink)
    effort = fit(
        "contrastive",
        steps=config.steps,
        batch=views,
        step=step,
        state={"matcher": matcher, "classifiers": classifiers, "optimiser": optimiser, "best": best},
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
    )
    kept = best.matcher
    # What was learned with people left out is added to the linear start of all people.
    kept.voice.start.copy_(whole)
    accuracies = linear, float(best.accuracy)
    ridge = linear_match.RIDGES[chosen]
    return Trained(kept, statistics, effort, ridge, int(best.step), *accuracies, embed.trained_with)


def _disturb(x: Tensor, config: ContrastiveConfig, rng: torch.Generator) -> Tensor:
    """Inputs [B, I] with noise, and some of them left out."""
    noise = config.noise * x.std() * torch.randn(x.shape, generator=rng).to(x) if config.noise else 0.0
    return (x + noise) * _keep(x.shape[0], x.shape[1], config.dropout, rng).to(x)


def _keep(rows: int, columns: int, dropout: float, rng: torch.Generator) -> Tensor:
    return (torch.rand(rows, columns, generator=rng) >= dropout).float() / (1.0 - dropout)


def save(folder: Path, config: ContrastiveConfig, trained: Trained, identities: Sequence[str]) -> None:
    """The heads, how to rebuild them, and the judges that the face network beneath them is. Ridge and length
    of training are chosen within the training people."""
    matcher = trained.matcher
    members, voice_dim, components = matcher.voice.start.shape
    shape = {
        "members": members,
        "voice_dim": voice_dim,
        "face_dim": len(matcher.face_mean),
        "components": components,
        "hidden": matcher.voice.up.shape[2],
    }
    parts = {"matcher": matcher}
    store.save_trained(folder, config, identities, parts, trained_with=trained.trained_with, network=shape)
