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
from deepfacegen.data.batches import Manifest, crop
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.errors import TooFewPeopleError, UserError
from deepfacegen.systems.svhf import networks as svhf
from deepfacegen.systems.svhf.batches import Chance, Faces, Step, Steps, Stills
from deepfacegen.systems.svhf.losses import list_loss
from deepfacegen.systems.svhf.match import MOVING, SAMPLES, STILL, Svhf, picture
from deepfacegen.systems.svhf.networks import Matcher
from deepfacegen.systems.svhf.tracks import Tracks
from deepfacegen.training import batch_norm, store
from deepfacegen.training.augment import DRAWS, Strength, augment
from deepfacegen.training.loop import Effort, Stateful, fit
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics

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


def load(models_dir: Path, device: torch.device) -> Svhf:
    """Raises UserError if the networks are missing, or the voice encoder or the face network that they stand
    on."""
    folder = models_dir / "svhf"
    config = store.read_config(folder)
    params = config["params"]
    encoder = speaker.load(models_dir / "voice", device) if params["size"] == "small" else None
    recogniser = face.load(models_dir / "face", device) if _stands_on_network(params) else None
    networks = {}
    for name in (STILL, MOVING) if params["dynamic"] else (STILL,):
        networks[name] = _network(name, params, encoder, recogniser)
        store.read_weights(folder, name, networks[name])
    return Svhf(params, networks, encoder, recogniser, device)


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
    heard = encoder.embed_windows(people.clips, audio) if encoder is not None else None
    seen = recogniser.embed_rows(people.faces, photos).numpy() if recogniser is not None else None
    sources = _sources(config, people, photos, seen)
    config = _fitting(config, min(len(np.unique(source.labels)) for source in sources.values()))
    distributed.share(config.batch, parts=config.ways)
    torch.manual_seed(config.seed)
    networks = {name: _network(name, params, encoder, recogniser).to(device) for name in sources}
    for network in networks.values():
        distributed.broadcast(network)
        batch_norm.share_statistics(network)
    described = heard.numpy() if heard is not None else None
    steps = {name: Steps(config, people.clips, audio, source, described) for name, source in sources.items()}
    parameters = [parameter for network in networks.values() for parameter in network.parameters()]
    optimiser = _optimiser(config, parameters)
    schedule = torch.optim.lr_scheduler.ExponentialLR(
        optimiser, (config.last_lr / config.lr) ** (1 / max(1, config.steps - 1))
    )
    noise = [config.noise * _deviation(found).to(device) for found in (described, seen)]

    def step(i: int, batch: dict[str, Step]) -> dict[str, Tensor]:
        told: dict[str, Tensor] = {}
        total, means = torch.zeros((), device=device), []
        for name, network in networks.items():
            drawn = Chance(config, i, steps[name].order.mine, device)
            network.train()
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                v, f = _vectors(config, network, batch[name], drawn, noise)
                kept_v, kept_f = (
                    x * (drawn.uniform(network.dim) >= config.dropout) / (1 - config.dropout) for x in (v, f)
                )
                labels = torch.from_numpy(batch[name].labels).to(device)
                loss, right = list_loss(network, kept_v, kept_f, labels, config.ways, config.reference_weight)
            means.append(
                (network, v.detach().mean(dim=0, keepdim=True), f.detach().mean(dim=0, keepdim=True))
            )
            total = total + loss
            prefix = "" if name == STILL else f"{name}/"
            told |= {f"{prefix}loss": loss, f"{prefix}accuracy": right}
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        distributed.sync_gradients(parameters)
        optimiser.step()
        schedule.step()
        for network, v, f in means:
            network.voice_reference.lerp_(distributed.mean(v), REFERENCE_RATE)
            network.face_reference.lerp_(distributed.mean(f), REFERENCE_RATE)
        return told

    statistics = Statistics(every=25, sink=sink)
    state: dict[str, Stateful] = {**networks, "optimiser": optimiser, "schedule": schedule}
    effort = fit(
        "svhf",
        steps=config.steps,
        batch=lambda i: {name: draw(i) for name, draw in steps.items()},
        step=step,
        state=state,
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
        after=after,
    )
    for name, network in networks.items():
        _settle(params, network, people, audio, heard, sources[name])
    return Trained(networks, statistics, effort, recogniser.trained_with if recogniser is not None else [])


def save(folder: Path, config: SvhfConfig, trained: Trained, identities: Sequence[str]) -> None:
    """The networks, how to rebuild them, whom they met, and which judges took part.

    Nothing is chosen on held-out people: training ends after a fixed number of steps. The encoders tell of
    themselves in their own folders.
    """
    told = {"trained_on": sorted(identities), "trained_with": trained.trained_with, "chosen_on": []}
    store.save(folder, {"params": to_dict(config), **told}, **trained.networks)


def _frozen(
    params: Mapping[str, Any], encoder: speaker.VoiceEncoder | None, recogniser: face.FaceEncoder | None
) -> tuple[speaker.VoiceEncoder | None, face.FaceEncoder | None]:
    """What of the two these parameters stand on. Raises UserError if that is missing."""
    if params["size"] == "small" and encoder is None:
        raise UserError("svhf.size is small, but there is no voice encoder; run the stage pretrain first")
    if _stands_on_network(params) and recogniser is None:
        raise UserError(
            "svhf.face is network, but there is no face network; run the stage that trains it first, or choose own"
        )
    return encoder if params["size"] == "small" else None, recogniser if _stands_on_network(params) else None


def _vectors(
    config: SvhfConfig, network: Matcher, batch: Step, drawn: Chance, noise: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Vectors [B, C] of the voices and faces of a step. Descriptions get noise of the deviations [Y], [D],
    and faces are augmented."""
    voices, faces = (
        torch.from_numpy(a).to(drawn.device, non_blocking=True) for a in (batch.voices, batch.faces)
    )
    if voices.is_floating_point():
        voices = voices + noise[0] * drawn.normal(voices.shape[1])
    if faces.is_floating_point():
        faces = faces + noise[1] * drawn.normal(faces.shape[1])
    else:
        faces = picture(to_dict(config), faces)
        faces = augment(faces, drawn.uniform(DRAWS), Strength()) if config.augment else faces
    return network.voice(voices).float(), network.face(faces).float()


def _sources(
    config: SvhfConfig, people: Manifest, photos: FaceShards, seen: np.ndarray | None
) -> dict[str, Faces]:
    """What each network sees. Raises TooFewPeopleError if there are fewer than two people in it."""
    sources: dict[str, Faces] = {STILL: Stills(people.faces, photos, seen)}
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
    network: Matcher,
    people: Manifest,
    audio: AudioShards,
    heard: Tensor | None,
    faces: Faces,
    batch: int = 128,
) -> None:
    """Set the references to the mean vectors of training voices and faces (evenly spaced ones if there are
    many) as the trained streams give them."""
    network.eval()
    device = network.voice_reference.device
    rows, parts = _some(len(people.clips)), []
    shard, offset, length = (
        people.clips[c].to_numpy()[rows] for c in ("shard", "offset_samples", "length_samples")
    )
    for i in range(0, len(rows), batch):
        here = slice(i, i + batch)
        if heard is not None:
            parts.append(network.voice(speaker.pool(heard[rows[here]]).to(device)))
        else:
            waves = crop(
                audio,
                shard[here],
                offset[here],
                length[here],
                np.zeros(len(shard[here]), dtype=np.int64),
                SAMPLES,
            )
            parts.append(network.voice(torch.from_numpy(waves).to(device)))
    network.voice_reference.copy_(torch.cat(parts).mean(dim=0, keepdim=True))
    rows, parts = _some(len(faces.labels)), []
    for i in range(0, len(rows), batch):
        found = torch.from_numpy(faces.gather(rows[i : i + batch])).to(device)
        parts.append(network.face(picture(params, found) if found.dtype == torch.uint8 else found))
    network.face_reference.copy_(torch.cat(parts).mean(dim=0, keepdim=True))


def _some(count: int) -> np.ndarray:
    """At most REFERENCE_ROWS evenly spaced rows of `count`."""
    return np.unique(np.linspace(0, count - 1, min(count, REFERENCE_ROWS)).astype(np.int64))


def _deviation(described: np.ndarray | None) -> Tensor:
    """Of each entry of descriptions [..., Y]: float32 [Y]."""
    return (
        torch.from_numpy(described.reshape(-1, described.shape[-1]).std(axis=0))
        if described is not None
        else torch.zeros(0)
    )


def _stands_on_network(params: Mapping[str, Any]) -> bool:
    return bool(params["size"] == "small" and params["face"] == "network")


def _network(
    name: str,
    params: Mapping[str, Any],
    encoder: speaker.VoiceEncoder | None,
    recogniser: face.FaceEncoder | None,
) -> Matcher:
    if encoder is None:
        return svhf.published()
    stream: nn.Module
    if recogniser is not None and name == STILL:
        stream = svhf.Described(recogniser.dim, params["dim"])
    else:
        stream = svhf.SmallFace(
            params["image_size_px"], params["channels"], params["max_channels"], params["dim"]
        )
    return svhf.small(encoder.dim, stream, params["dim"], params["hidden"])


def _optimiser(config: SvhfConfig, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if config.size == "published":
        return torch.optim.SGD(parameters, config.lr, momentum=0.9, weight_decay=config.weight_decay)
    return torch.optim.AdamW(parameters, config.lr, weight_decay=config.weight_decay)
