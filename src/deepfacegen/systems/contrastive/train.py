"""A matcher that draws nothing: two small heads on frozen descriptions of voice and face, trained by a
symmetric contrastive loss.
 InfoNCE over the whole batch, both ways, as in CLIP (Radford et al. 2021); all clips and photos of a person
 match each other. The heads start from ridge regression and end where people left out of their training are
 told apart best, the start included. The option `covariate_weight` adds what DIMNet learns by (Wen et al.
 2018): one classifier for both modalities, on gender and nationality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.baselines import ContrastiveConfig
from deepfacegen.config.schema import to_dict
from deepfacegen.data.batches import IdentityOrder, Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.gradients import SIDE_PX, oriented_gradients
from deepfacegen.errors import TooFewPeopleError, UserError
from deepfacegen.systems.contrastive.fits import Best, Classifiers, Views, person_means, start, told_apart
from deepfacegen.systems.contrastive.losses import multi_positive
from deepfacegen.systems.contrastive.networks import Matcher
from deepfacegen.training import linear_match, store
from deepfacegen.training.loop import Effort, Stateful, fit, seeded
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics

LOOK_EVERY = 10  # steps between two looks at the people left out
FEWEST = 4  # training people


@dataclass(frozen=True)
class Trained:
    """What training leaves: the heads, the curves, what it cost, the ridge of the linear start, which step
    was kept, and how well people who were left out are told apart (choices of two, one voice and one face a
    person) by the linear start and by the heads that were kept. `trained_with` names the judges that took
    part.
    """

    matcher: Matcher
    statistics: Statistics
    effort: Effort
    ridge: float
    step_kept: int
    linear_accuracy: float
    accuracy: float
    trained_with: list[str]


class Faces:
    """Describes faces [N, P] as the parameter `faces` says, and how wide each block of the description is."""

    def __init__(self, kind: str, encoder: face.FaceEncoder | None) -> None:
        self.kind, self.encoder = kind, encoder if kind != "gradients" else None
        if kind != "gradients" and encoder is None:
            raise UserError(
                f"contrastive.faces: {kind} needs the face network; train it first, or choose gradients"
            )

    def __call__(self, pixels: np.ndarray, batch: int = 128) -> Tensor:
        """uint8 [N, S, S, 3] -> float32 [N, P] on the CPU."""
        parts = [] if self.encoder is None else [self.encoder.embed(pixels)]
        if self.kind != "embedding":
            cut = [torch.from_numpy(pixels[i : i + batch]) for i in range(0, len(pixels), batch)]
            parts.append(
                torch.cat(
                    [
                        oriented_gradients(
                            F.interpolate(from_pixels(p, p.shape[1]), (SIDE_PX, SIDE_PX), mode="area")
                        )
                        for p in cut
                    ]
                )
            )
        return torch.cat(parts, dim=1)

    def rows(self, faces: pd.DataFrame, photos: FaceShards, chunk: int = 512) -> Tensor:
        """Rows of the faces table -> float32 [N, P]."""
        shard, row = faces["shard"].to_numpy(), faces["row"].to_numpy()
        return torch.cat(
            [
                self(photos.gather(shard[i : i + chunk], row[i : i + chunk]))
                for i in range(0, len(faces), chunk)
            ]
        )

    def blocks(self, width: int) -> list[int]:
        own = 0 if self.encoder is None else self.encoder.dim
        return [size for size in (own, width - own) if size]

    @property
    def trained_with(self) -> list[str]:
        return [] if self.encoder is None else self.encoder.trained_with


class Contrastive:
    """Scores voices against faces: the mean cosine of its heads."""

    def __init__(
        self, encoder: speaker.VoiceEncoder, faces: Faces, matcher: Matcher, device: torch.device
    ) -> None:
        self.encoder, self.faces, self.device = encoder, faces, device
        self.matcher = matcher.to(device).eval().requires_grad_(False)

    @torch.inference_mode()
    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        """int16 arrays, 16 kHz mono; uint8 [F, S, S, 3] -> float32 [V, F], higher = same person."""
        return self.compare(self.encoder.embed(voices), self.faces(faces))

    @torch.inference_mode()
    def compare(self, voices: Tensor, faces: Tensor) -> np.ndarray:
        """Described voices [V, Y] and faces [F, P] -> float32 [V, F]."""
        return self.matcher(voices.to(self.device), faces.to(self.device)).float().cpu().numpy()


def load(models_dir: Path, device: torch.device) -> Contrastive:
    """Raises UserError if the heads, the voice encoder or the face network they were trained with are
    missing."""
    config = store.read_config(models_dir / "contrastive")
    kind = config["params"]["faces"]
    matcher = Matcher(**config["network"])
    store.read_weights(models_dir / "contrastive", "matcher", matcher)
    faces = Faces(kind, face.load(models_dir / "face", device) if kind != "gradients" else None)
    return Contrastive(speaker.load(models_dir / "voice", device), faces, matcher, device)


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
    described = Faces(config.faces, recogniser)
    windows, faces = encoder.embed_windows(people.clips, audio), described.rows(people.faces, photos)
    clip_of, photo_of = people.clips["label"].to_numpy(), people.faces["label"].to_numpy()
    fold = np.random.default_rng(config.seed).permutation(count) % min(config.members, count // 2)
    torch.manual_seed(config.seed)
    matcher, whole, chosen = start(
        config, windows, faces, clip_of, photo_of, fold, described.blocks(faces.shape[1])
    )
    matcher.to(device)
    classifiers = Classifiers(people.identities, matcher).to(device)
    distributed.broadcast(matcher)
    distributed.broadcast(classifiers)
    y = matcher.face_inputs(faces.to(device))
    # One voice and one face of each person, by which those left out are told apart.
    voices_of = matcher.voice_inputs(person_means(speaker.pool(windows), clip_of).to(device))
    faces_of = person_means(y.cpu(), photo_of).to(device)
    out = (
        torch.from_numpy(fold)[None].to(device) == torch.arange(fold.max() + 1, device=device)[:, None]
    )  # [M, N]: whom each head leaves out
    best = Best(matcher, told_apart(matcher, voices_of, faces_of, out))
    linear = float(best.accuracy)
    parameters = [*matcher.parameters(), *classifiers.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay)
    views = Views(
        IdentityOrder(count, min(config.batch, count), config.seed),
        windows.numpy(),
        clip_of,
        photo_of,
        config.views,
    )

    def step(i: int, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        heard, seen, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        rng = seeded(config.seed, i)
        a, b = matcher.voice_inputs(heard), y[seen]
        a, b = (_disturb(x, config, rng) for x in (a, b))
        u, v = (
            head(x, _keep(len(x), config.hidden, config.hidden_dropout, rng).to(device))
            for head, x in ((matcher.voice, a), (matcher.face, b))
        )
        inside = ~out[:, labels]
        told = {"loss": multi_positive(config.scale * u @ v.transpose(1, 2), labels, inside)}
        total = told["loss"]
        if config.covariate_weight:
            told["covariates"] = classifiers(u, labels, inside) + classifiers(v, labels, inside)
            total = total + config.covariate_weight * told["covariates"]
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        distributed.sync_gradients(parameters)
        optimiser.step()
        if (i + 1) % LOOK_EVERY == 0:
            told["left_out"] = told_apart(matcher, voices_of, faces_of, out)
            best.offer(matcher, told["left_out"], i + 1)
        return told

    statistics = Statistics(every=LOOK_EVERY, sink=sink)
    state: dict[str, Stateful] = {
        "matcher": matcher,
        "classifiers": classifiers,
        "optimiser": optimiser,
        "best": best,
    }
    effort = fit(
        "contrastive",
        steps=config.steps,
        batch=views,
        step=step,
        state=state,
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
    )
    kept = best.matcher
    # What was learned with people left out is added to the linear start of all people.
    kept.voice.start.copy_(whole)
    return Trained(
        kept,
        statistics,
        effort,
        linear_match.RIDGES[chosen],
        int(best.step),
        linear,
        float(best.accuracy),
        described.trained_with,
    )


def _disturb(x: Tensor, config: ContrastiveConfig, rng: torch.Generator) -> Tensor:
    """Inputs [B, I] with noise, and some of them left out."""
    noise = config.noise * x.std() * torch.randn(x.shape, generator=rng).to(x) if config.noise else 0.0
    return (x + noise) * _keep(x.shape[0], x.shape[1], config.dropout, rng).to(x)


def _keep(rows: int, columns: int, dropout: float, rng: torch.Generator) -> Tensor:
    return (torch.rand(rows, columns, generator=rng) >= dropout).float() / (1.0 - dropout)


def save(folder: Path, config: ContrastiveConfig, trained: Trained, identities: Sequence[str]) -> None:
    """The heads, how to rebuild them, whom they met, and the judges that the face network beneath them is."""
    matcher = trained.matcher
    members, voice_dim, components = matcher.voice.start.shape
    shape = {
        "members": members,
        "voice_dim": voice_dim,
        "face_dim": len(matcher.face_mean),
        "components": components,
        "hidden": matcher.voice.up.shape[2],
    }
    # Ridge and length of training are chosen within the training people.
    met = {"trained_on": sorted(identities), "chosen_on": [], "trained_with": trained.trained_with}
    described: dict[str, Any] = {"params": to_dict(config), "network": shape, **met}
    store.save(folder, described, matcher=matcher)
