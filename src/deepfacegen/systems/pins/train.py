"""Learnable PINs (Nagrani, Albanie and Zisserman, ECCV 2018) as a system: a joint embedding of voices and
faces; near means same person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen import distributed
from deepfacegen.config.baselines import PinsConfig
from deepfacegen.config.schema import to_dict
from deepfacegen.data.batches import SAMPLE_RATE_HZ, IdentityOrder, Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.errors import TooFewPeopleError
from deepfacegen.systems import vggm
from deepfacegen.systems.pins import losses, networks
from deepfacegen.systems.pins.batches import FacesOfClips, PairBatches, crops, cut, mixtures
from deepfacegen.systems.pins.fits import Features, equal_error_score, gradients, prepare
from deepfacegen.training import augment, batch_norm, store
from deepfacegen.training.loop import Effort, fit, seeded
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics

CROP_SECONDS, WINDOWS = 3.0, 4
ROWS = 1024
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


class Pins:
    """Compares voices with faces by the distance between their unit embeddings. `encoder` and `features` come
    before the small networks only.

    `threshold` is the score at which held-out people's own and others' faces were mistaken for one another
    equally often.
    """

    def __init__(
        self,
        joint: networks.Joint,
        device: torch.device,
        encoder: speaker.VoiceEncoder | None = None,
        features: Features | None = None,
        threshold: float | None = None,
    ) -> None:
        self.threshold = threshold
        self.joint, self.device = joint.to(device).eval().requires_grad_(False), device
        self.encoder, self.features = encoder, features

    @torch.inference_mode()
    def embed_voices(self, voices: Sequence[np.ndarray], batch: int = 16) -> Tensor:
        """int16 arrays, 16 kHz mono -> unit vectors [V, dim] on the CPU. Long recordings are heard as evenly
        spaced windows, and the mean counts."""
        if self.encoder is not None:
            return self.joint.voice(
                self.joint.prepare_voice(self.encoder.embed(voices).to(self.device))
            ).cpu()
        parts = []
        for i in range(0, len(voices), batch):
            heard = cut(voices[i : i + batch], int(CROP_SECONDS * SAMPLE_RATE_HZ), WINDOWS)
            waveforms = torch.from_numpy(heard).flatten(0, 1).to(self.device)
            parts.append(
                F.normalize(self.joint.voice(waveforms).unflatten(0, (-1, WINDOWS)).mean(dim=1), dim=1).cpu()
            )
        return torch.cat(parts)

    @torch.inference_mode()
    def embed_faces(self, faces: np.ndarray, batch: int = 128) -> Tensor:
        """uint8 [F, S, S, 3], RGB, in the alignment template -> unit vectors [F, dim] on the CPU."""
        parts = []
        for i in range(0, len(faces), batch):
            part = faces[i : i + batch]
            seen = (
                self.features(part).to(self.device)
                if self.features is not None
                else large(torch.from_numpy(part).to(self.device))
            )
            parts.append(self.joint.face(self.joint.prepare_face(seen)).cpu())
        return torch.cat(parts)

    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        """int16 arrays, uint8 [F, S, S, 3] -> minus the distance, float32 [V, F], in [-2, 0]."""
        heard, seen = self.embed_voices(voices), self.embed_faces(faces)
        return torch.cat([-losses.distances(part, seen) for part in heard.split(ROWS)]).numpy()


def load(models_dir: Path, device: torch.device) -> Pins:
    """Raises UserError if the model, or one that it stands on, is missing."""
    config = store.read_config(models_dir / "pins")
    params = config["params"]
    joint = _joint(params, config["described"], config["features"], config["directions"])
    store.read_weights(models_dir / "pins", "joint", joint)
    if params["size"] == "published":
        return Pins(joint, device, threshold=config["threshold"])
    features = face.load(models_dir / "face", device).embed if params["faces"] == "network" else gradients
    return Pins(joint, device, speaker.load(models_dir / "voice", device), features, config["threshold"])


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
    order = IdentityOrder(
        len(people.identities), config.batch, config.seed, distributed.rank(), distributed.world()
    )
    encoder, features = _before(config, encoder, recogniser)
    joint, batches = _begin(config, people, audio, photos, encoder, features, order)
    joint = joint.to(device)
    distributed.broadcast(joint)
    batch_norm.share_statistics(joint)
    parameters = [p for p in joint.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.lr, total_steps=config.steps, pct_start=0.2
    )
    places = torch.arange(config.batch, device=device)

    def step(i: int, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        voices, faces, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        joint.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            voices, faces = _vary(config, i, voices, faces, order.mine)
            heard, seen = joint.voice(voices), joint.face(faces)
        own, same = places[order.mine], labels[order.mine][:, None] == labels[None, :]
        tau = losses.curriculum(i, config.tau_first, config.tau_last, config.tau_rise, config.tau_every)
        # A face that is too near for a voice, and a voice that is too near for a face, count half each.
        pulls, pushes, right = [], [], []
        for anchors, others in ((heard, losses.whole(seen)), (seen, losses.whole(heard))):
            apart = losses.distances(anchors, others)
            pull, push = losses.contrastive(apart, own, same, tau, config.margin, config.semi_hard)
            pulls.append(pull)
            pushes.append(push)
            right.append(_matching(apart.detach(), own, same))
        told = {
            name: torch.stack(parts).mean()
            for name, parts in (("pull", pulls), ("push", pushes), ("matching", right))
        }
        loss = told["pull"] + told["push"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        distributed.sync_gradients(parameters)
        optimiser.step()
        schedule.step()
        return {"loss": loss, **told, "tau": torch.tensor(tau, device=device)}

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
    judges = (
        list(recogniser.trained_with)
        if recogniser is not None and config.size == "small" and config.faces == "network"
        else []
    )
    return Trained(joint, statistics, effort, threshold, chosen_on, judges)


def save(folder: Path, config: PinsConfig, trained: Trained, identities: Sequence[str]) -> None:
    """Both networks, how to rebuild them, whom they saw, on whom the threshold was chosen, and which judges
    took part."""
    before = (trained.joint.prepare_voice, trained.joint.prepare_face)
    (described, _), (features, directions) = (
        tuple(p.matrix.shape) if isinstance(p, networks.Projection) else (0, 0) for p in before
    )
    told = {
        "trained_on": sorted(identities),
        "trained_with": trained.trained_with,
        "chosen_on": trained.chosen_on,
    }
    sizes = {"described": described, "features": features, "directions": directions}
    store.save(
        folder,
        {"params": to_dict(config), "threshold": trained.threshold, **sizes, **told},
        joint=trained.joint,
    )


def large(faces: Tensor) -> Tensor:
    """uint8 [N, S, S, 3] -> what VGG-M sees: float [N, 3, 224, 224] in [-1, 1]."""
    return F.interpolate(
        from_pixels(faces, faces.shape[1]), (vggm.FACE_PX, vggm.FACE_PX), mode="bilinear", antialias=True
    )


def _vary(config: PinsConfig, step: int, voices: Tensor, faces: Tensor, mine: slice) -> tuple[Tensor, Tensor]:
    """Voices and faces of this rank as they are trained on; what is random is drawn for the whole batch."""
    rng = seeded(config.seed, step)
    if config.size == "published":
        pictures = large(faces)
        chance = torch.rand(config.batch, augment.DRAWS, generator=rng)[mine]
        return voices, augment.augment(pictures, chance, augment.Strength()) if config.augment else pictures
    noise = [torch.randn(config.batch, x.shape[1], generator=rng)[mine].to(x) for x in (voices, faces)]
    return voices + config.voice_noise * noise[0], faces + config.face_noise * noise[1]


def _matching(apart: Tensor, own: Tensor, same: Tensor) -> Tensor:
    """Share of an anchor's negatives in the batch that are farther than its own item, over anchors."""
    farther = (apart > apart.gather(1, own[:, None])) & ~same
    return (farther.sum(dim=1) / (~same).sum(dim=1).clamp(min=1)).mean()


def _joint(params: dict[str, Any], described: int, features: int, directions: int) -> networks.Joint:
    if params["size"] == "published":
        return networks.published(params["dim"])
    return networks.small(described, features, directions, params["dim"])


def _before(
    config: PinsConfig, encoder: speaker.VoiceEncoder | None, recogniser: face.FaceEncoder | None
) -> tuple[speaker.VoiceEncoder | None, Features | None]:
    """What stands before the networks, and is not trained."""
    if config.size == "published":
        return None, None
    if encoder is None:
        raise ValueError("the small size listens with a voice encoder")
    if config.faces == "gradients":
        return encoder, gradients
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
        shard, row = people.faces["shard"].to_numpy(), people.faces["row"].to_numpy()
        voices = crops(people.clips, audio, int(CROP_SECONDS * SAMPLE_RATE_HZ))
        return networks.published(config.dim), PairBatches(
            order, labels, pairs, voices, lambda rows: photos.gather(shard[rows], row[rows])
        )
    joint, described, seen = prepare(config, people, audio, photos, encoder, features)
    return joint, PairBatches(order, labels, pairs, mixtures(described), lambda rows: seen[rows])


def _calibrate(
    system: Pins, manifest: Manifest, audio: AudioShards, photos: FaceShards
) -> tuple[float, list[str]]:
    """The threshold, and on whom it was chosen: validation people, or, where there are fewer than two,
    training people, who score too high."""
    held_out = manifest.split("val")
    chosen = held_out if len(held_out.identities) > 1 else manifest.split("train")
    clips, faces = (
        t.iloc[np.unique(np.linspace(0, len(t) - 1, min(CALIBRATED_ON, len(t))).astype(int))]
        for t in (chosen.clips, chosen.faces)
    )
    voices = [
        audio.read(*map(int, row)) for row in clips[["shard", "offset_samples", "length_samples"]].to_numpy()
    ]
    scores = system.score(voices, photos.gather(faces["shard"].to_numpy(), faces["row"].to_numpy()))
    same = clips["identity_id"].to_numpy()[:, None] == faces["identity_id"].to_numpy()[None, :]
    return equal_error_score(scores, same), sorted(
        chosen.identities["identity_id"]
    ) if chosen is held_out else []
