"""SVHF-Net (Nagrani et al. 2018) as a system: how it is trained to choose among candidates, kept and read
again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config.baselines import SvhfConfig
from deepfacegen.config.schema import to_dict
from deepfacegen.data.batches import Clips, Manifest, evenly_spaced
from deepfacegen.data.shards import AudioShards, FaceShards, batched
from deepfacegen.encoders import face, speaker
from deepfacegen.errors import TooFewPeopleError, UserError
from deepfacegen.systems.svhf.batches import Chance, Faces, Step, Steps, Stills
from deepfacegen.systems.svhf.losses import list_loss
from deepfacegen.systems.svhf.match import (
    MOVING,
    SAMPLES,
    STILL,
    Svhf,
    load,
    network,
    picture,
    stands_on_network,
)
from deepfacegen.systems.svhf.networks import Matcher
from deepfacegen.systems.svhf.tracks import Tracks
from deepfacegen.training import batch_norm, store
from deepfacegen.training.augment import DRAWS, Strength, augment
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import descend, parameters

__all__ = ["Svhf", "Trained", "load", "save", "train"]

log = logging.getLogger(__name__)
REFERENCE_ROWS, REFERENCE_RATE = 4096, 0.1
FEWEST = 2  # people to choose among


@dataclass(frozen=True)
class Trained:
    """What training leaves: the networks (`still`; with svhf.dynamic also `moving`), the curves, what it
    cost, and which judges took part."""

    networks: dict[str, Matcher]
    statistics: Statistics
    effort: Effort
    trained_with: list[str]


def train(
    config: SvhfConfig,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: speaker.VoiceEncoder | None,
    recogniser: face.FaceEncoder | None,
    resume: Resume,
    sink: Sink | None = None,
    after: Callable[[int], None] | None = None,
) -> Trained:
    """Train on the training identities.

    The small size needs the voice encoder, and svhf.face: network the face network; both stay frozen and run
    once over all clips and photos. Lists have no more candidates than there are people. Raises UserError if
    one of the two is None, TooFewPeopleError if, with svhf.dynamic, fewer than two people have a face track.
    """
    device = distributed.device()
    people, params = manifest.split("train"), to_dict(config)
    encoder, recogniser = _frozen(params, encoder, recogniser)
    windows = encoder.embed_windows(people.clips, audio).numpy() if encoder is not None else None
    faces = recogniser.embed_rows(people.faces, photos).numpy() if recogniser is not None else None
    sources = _sources(config, people, photos, faces)
    config = _fitting(config, min(len(np.unique(source.labels)) for source in sources.values()))
    distributed.share(config.batch, parts=config.ways)
    torch.manual_seed(config.seed)
    networks = {name: network(name, params, encoder, recogniser).to(device) for name in sources}
    for one in networks.values():
        distributed.broadcast(one)
        batch_norm.share_statistics(one)
    steps = {name: Steps(config, people.clips, audio, source, windows) for name, source in sources.items()}
    optimiser = _optimiser(config, parameters(*networks.values()))
    schedule = torch.optim.lr_scheduler.ExponentialLR(
        optimiser, (config.last_lr / config.lr) ** (1 / max(1, config.steps - 1))
    )
    noise = [config.noise * _deviation(found).to(device) for found in (windows, faces)]

    def step(i: int, batch: dict[str, Step]) -> dict[str, Tensor]:
        metrics: dict[str, Tensor] = {}
        total, means = torch.zeros((), device=device), {}
        for name, matcher in networks.items():
            chance = Chance(config, i, steps[name].order.mine, device)
            matcher.train()
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                v, f = _vectors(config, matcher, batch[name], chance, noise)
                kept_v, kept_f = (
                    x * (chance.uniform(matcher.dim) >= config.dropout) / (1 - config.dropout) for x in (v, f)
                )
                labels = torch.from_numpy(batch[name].labels).to(device)
                loss, right = list_loss(matcher, kept_v, kept_f, labels, config.ways, config.reference_weight)
            means[name] = [x.detach().mean(dim=0, keepdim=True) for x in (v, f)]
            total = total + loss
            prefix = "" if name == STILL else f"{name}/"
            metrics |= {f"{prefix}loss": loss, f"{prefix}accuracy": right}
        descend(optimiser, total)
        schedule.step()
        for name, (v, f) in means.items():
            networks[name].voice_reference.lerp_(distributed.mean(v), REFERENCE_RATE)
            networks[name].face_reference.lerp_(distributed.mean(f), REFERENCE_RATE)
        return metrics

    statistics = Statistics(every=25, sink=sink)
    effort = fit(
        "svhf",
        steps=config.steps,
        batch=lambda i: {name: batches(i) for name, batches in steps.items()},
        step=step,
        state={**networks, "optimiser": optimiser, "schedule": schedule},
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
        after=after,
    )
    for name, matcher in networks.items():
        _settle(params, matcher, people, audio, windows, sources[name])
    return Trained(networks, statistics, effort, recogniser.trained_with if recogniser is not None else [])


def save(folder: Path, config: SvhfConfig, trained: Trained, identities: Sequence[str]) -> None:
    """The networks, and which judges took part. Nothing is chosen on held-out people: training ends after a
    fixed number of steps."""
    store.save_trained(folder, config, identities, trained.networks, trained_with=trained.trained_with)


def _frozen(
    params: Mapping[str, Any], encoder: speaker.VoiceEncoder | None, recogniser: face.FaceEncoder | None
) -> tuple[speaker.VoiceEncoder | None, face.FaceEncoder | None]:
    """What of the two these parameters stand on. Raises UserError if that is missing."""
    if params["size"] == "small" and encoder is None:
        raise UserError("svhf.size is small, but there is no voice encoder; run the stage pretrain first")
    if stands_on_network(params) and recogniser is None:
        raise UserError(
            "svhf.face is network, but there is no face network; "
            "run the stage that trains it first, or choose own"
        )
    return encoder if params["size"] == "small" else None, recogniser if stands_on_network(params) else None


def _vectors(
    config: SvhfConfig, network: Matcher, batch: Step, chance: Chance, noise: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Vectors [B, C] of the voices and faces of a step. Embeddings get noise of the deviations [Y], [D], and
    pictures are augmented."""
    voices, faces = (
        torch.from_numpy(a).to(chance.device, non_blocking=True) for a in (batch.voices, batch.faces)
    )
    if voices.is_floating_point():
        voices = voices + noise[0] * chance.normal(voices.shape[1])
    if faces.is_floating_point():
        faces = faces + noise[1] * chance.normal(faces.shape[1])
    else:
        faces = picture(to_dict(config), faces)
        faces = augment(faces, chance.uniform(DRAWS), Strength()) if config.augment else faces
    return network.voice(voices).float(), network.face(faces).float()


def _sources(
    config: SvhfConfig, people: Manifest, photos: FaceShards, embeddings: np.ndarray | None
) -> dict[str, Faces]:
    """The faces of each network. Raises TooFewPeopleError if there are fewer than two people in it."""
    sources: dict[str, Faces] = {STILL: Stills(people.faces, photos, embeddings)}
    if config.dynamic:
        sources[MOVING] = Tracks(people.faces, photos, config.frames)
    for source in sources.values():
        present = len(np.unique(source.labels))
        if present < FEWEST:
            what = (
                "a face track of two frames or more (data.faces_from: both takes faces from films)"
                if config.dynamic
                else "a face"
            )
            raise TooFewPeopleError(
                f"svhf chooses among people, and only {present} training people have {what}"
            )
    return sources


def _fitting(config: SvhfConfig, people: int) -> SvhfConfig:
    """Lists of at most so many people, and whole lists in a batch."""
    ways = min(config.ways, people, config.batch)
    if ways < config.ways:
        log.info(
            "svhf: lists of %d instead of %d (svhf.ways), for there are %d training people",
            ways,
            config.ways,
            people,
        )
    return replace(config, ways=ways, batch=config.batch // ways * ways)


@torch.inference_mode()
def _settle(
    params: Mapping[str, Any],
    matcher: Matcher,
    people: Manifest,
    audio: AudioShards,
    windows: np.ndarray | None,
    faces: Faces,
) -> None:
    """Set the references to the mean vectors of training voices and faces (evenly spaced ones if there are
    many) as the trained streams give them."""
    matcher.eval()
    device, clips, parts = matcher.voice_reference.device, Clips(people.clips, audio), []
    for rows in batched(evenly_spaced(len(people.clips), REFERENCE_ROWS), 128):
        if windows is not None:
            inputs = speaker.pool(torch.from_numpy(windows[rows]))
        else:
            inputs = torch.from_numpy(clips.crop(rows, np.zeros(len(rows), dtype=np.int64), SAMPLES))
        parts.append(matcher.voice(inputs.to(device)))
    matcher.voice_reference.copy_(torch.cat(parts).mean(dim=0, keepdim=True))
    parts = []
    for rows in batched(evenly_spaced(len(faces.labels), REFERENCE_ROWS), 128):
        found = torch.from_numpy(faces.gather(rows)).to(device)
        parts.append(matcher.face(picture(params, found) if found.dtype == torch.uint8 else found))
    matcher.face_reference.copy_(torch.cat(parts).mean(dim=0, keepdim=True))


def _deviation(embeddings: np.ndarray | None) -> Tensor:
    """Of each entry of embeddings [..., Y]: float32 [Y]."""
    if embeddings is None:
        return torch.zeros(0)
    return torch.from_numpy(embeddings.reshape(-1, embeddings.shape[-1]).std(axis=0))


def _optimiser(config: SvhfConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if config.size == "published":
        return torch.optim.SGD(parameters, config.lr, momentum=0.9, weight_decay=config.weight_decay)
    return torch.optim.AdamW(parameters, config.lr, weight_decay=config.weight_decay)
