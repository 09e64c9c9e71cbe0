"""Speech2Face (Oh et al. 2019): speech -> the feature that a face-recognition network would give -> a face,
by a decoder that knows faces alone."""

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
from deepfacegen.config.baselines import Speech2FaceConfig
from deepfacegen.config.schema import to_dict
from deepfacegen.data.batches import FaceBatches, Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.face_networks import SIDE_PX
from deepfacegen.errors import UserError
from deepfacegen.systems.prior.prior import Prior, Sizes
from deepfacegen.systems.speech2face import fits
from deepfacegen.systems.speech2face.face_decoder import FaceDecoder
from deepfacegen.systems.speech2face.generate import Speech2Face, load
from deepfacegen.systems.speech2face.networks import EmbeddingNet, VoiceNet
from deepfacegen.training import batch_norm, store
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import descend, identity_order, seeded

__all__ = ["Speech2Face", "Trained", "load", "save", "train"]


@dataclass(frozen=True)
class Trained:
    """What training leaves: the networks and sizes of the decoder's, the curves, what it cost, and which
    judges are behind the face network."""

    voice_net: VoiceNet | EmbeddingNet
    decoder: FaceDecoder
    classifier: nn.Linear
    sizes: Sizes
    statistics: Statistics
    effort: Effort
    trained_with: list[str]


def train(
    config: Speech2FaceConfig,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    recogniser: face.FaceEncoder,
    encoder: speaker.VoiceEncoder | None,
    prior: Prior,
    resume: Resume,
    sink: Sink | None = None,
    after: Callable[[int], None] | None = None,
) -> Trained:
    """Fit the decoder to the prior of faces; then train on the training identities: first the recogniser's
    last layer, from photos; then, with both frozen, the network from voices to features.

    The paper pairs speech with a frame of the same video; here it is paired with any photo of the person.
    `after(step)` follows each step. Raises UserError for voice: encoder without a voice encoder.
    """
    if config.voice == "encoder" and encoder is None:
        raise UserError(
            "speech2face.voice is encoder, but there is no voice encoder; "
            "run the stage pretrain, or choose spectrogram"
        )
    device = distributed.device()
    distributed.share(config.batch)
    people = manifest.split("train")
    network = recogniser.network.to(device).eval().requires_grad_(False)
    torch.manual_seed(config.seed)
    known = fits.known_faces(people.faces, photos, network, prior, device)
    decoder = FaceDecoder(recogniser.width, prior.sizes).requires_grad_(False)
    decoder.start_from(prior, known.features, known.latents)
    classifier = nn.Linear(recogniser.width, len(people.identities))
    order = identity_order(config, len(people.identities))
    chosen = encoder if config.voice == "encoder" else None
    voice_net, voices = fits.voice_side(config, people, audio, chosen, known, order)
    for part in (decoder, classifier, voice_net):
        part.to(device)
        distributed.broadcast(part)
    batch_norm.share_statistics(voice_net)
    first = torch.optim.Adam(classifier.parameters(), config.recogniser_lr)
    second = torch.optim.AdamW(
        voice_net.parameters(), config.lr, (config.beta1, 0.999), config.eps, config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.StepLR(second, config.lr_decay_every, config.lr_decay)
    photos_of = FaceBatches(people.faces, photos)

    def batch(i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        only_faces = i < config.recogniser_steps
        speech, labels = (np.empty(0, dtype=np.float32), order.labels(i)) if only_faces else voices(i)
        rng = np.random.default_rng([config.seed, 4, i])
        return speech, photos_of.draw(order.whole(i), rng, order.mine), labels

    def step(i: int, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        speech, faces, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        only_faces = i < config.recogniser_steps
        flip, noise = (whole[order.mine].to(device) for whole in _chance(config, i))
        real = from_pixels(faces, SIDE_PX, flip if config.augment else None)
        with torch.no_grad():
            features = network(real)[1].float()
        classifier.requires_grad_(only_faces)
        if only_faces:
            loss = F.cross_entropy(classifier(decoder.standardise(features)), labels)
            descend(first, loss)
            return {"recogniser/loss": loss}
        predicted = fits.predict(voice_net.train(), speech, config.noise * noise)
        loss, losses = fits.voice_loss(config, decoder, classifier, predicted, features)
        descend(second, loss)
        schedule.step()
        return losses

    statistics = Statistics(every=25, sink=sink)
    effort = fit(
        "speech2face",
        steps=config.recogniser_steps + config.steps,
        batch=batch,
        step=step,
        state={
            "classifier": classifier,
            "voice_net": voice_net,
            "schedule": schedule,
            "first": first,
            "second": second,
        },
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
        after=after,
    )
    judges = list(recogniser.trained_with)
    return Trained(voice_net, decoder, classifier, prior.sizes, statistics, effort, judges)


def _chance(config: Speech2FaceConfig, step: int) -> tuple[Tensor, Tensor]:
    """What is random about a step besides its pairs, for the whole batch: whom to flip [B], and noise [B,
    directions]."""
    rng = seeded(config.seed, step)
    return torch.rand(config.batch, generator=rng) < 0.5, torch.randn(
        config.batch, config.directions, generator=rng
    )


def save(
    folder: Path,
    config: Speech2FaceConfig,
    trained: Trained,
    identities: Sequence[str],
    trained_on_photos: dict[str, Any] | None = None,
) -> None:
    """The network from voices to features, the decoder and the recogniser's last layer; who took part, with
    voices (`identities`) and without (the prior's `trained_on_photos`), and which judges: the face network,
    if it is one. Nothing is chosen on held-out people."""
    described: dict[str, Any] = {"feature_dim": len(trained.decoder.centre), "sizes": to_dict(trained.sizes)}
    if isinstance(trained.voice_net, EmbeddingNet):
        described["directions"] = trained.voice_net.condition.dim
    if trained_on_photos:
        described["trained_on_photos"] = trained_on_photos
    parts = {"hearing": trained.voice_net, "decoder": trained.decoder, "classifier": trained.classifier}
    store.save_trained(folder, config, identities, parts, trained_with=trained.trained_with, **described)
