"""What Speech2Face is fitted by: the faces and voices that it starts from, and the losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deepfacegen.config.baselines import Speech2FaceConfig
from deepfacegen.data.batches import (
    SAMPLE_RATE_HZ,
    ByLabel,
    IdentityOrder,
    Manifest,
    VoiceBatches,
    evenly_spaced,
    mixed_windows,
)
from deepfacegen.data.shards import AudioShards, FaceShards, batched
from deepfacegen.encoders import speaker
from deepfacegen.encoders.face_networks import SIDE_PX
from deepfacegen.systems.prior.prior import Prior
from deepfacegen.systems.speech2face.face_decoder import FaceDecoder
from deepfacegen.systems.speech2face.losses import direction_loss, distillation_loss, first_layer_loss
from deepfacegen.systems.speech2face.networks import EmbeddingNet, VoiceNet, complex_spectrogram
from deepfacegen.training import reduced_rank
from deepfacegen.training.pixels import from_pixels

KNOWN_FACES, FACES_AT_ONCE = 4096, 128

# step -> (waveforms or embeddings, labels) of this rank's part of the batch
Voices = Callable[[int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Known:
    """Training faces: features [N, D] and latents of the prior [N, Z], on the CPU, and whose they are [N]."""

    features: Tensor
    latents: Tensor
    labels: np.ndarray


@torch.no_grad()
def known_faces(
    faces: pd.DataFrame, photos: FaceShards, network: nn.Module, prior: Prior, device: torch.device
) -> Known:
    """All training faces, or evenly spaced ones if there are many: what is fitted before the first step rests
    on them."""
    rows = faces.iloc[evenly_spaced(len(faces), KNOWN_FACES)]
    features = []
    for part in batched(rows, FACES_AT_ONCE):
        pixels = from_pixels(torch.from_numpy(photos.rows(part)).to(device), SIDE_PX)
        features.append(network(pixels)[1].float().cpu())
    return Known(torch.cat(features), prior.to(device).latents(rows, photos), rows["label"].to_numpy())


def voice_side(
    config: Speech2FaceConfig,
    people: Manifest,
    audio: AudioShards,
    encoder: speaker.VoiceEncoder | None,
    known: Known,
    order: IdentityOrder,
) -> tuple[VoiceNet | EmbeddingNet, Voices]:
    """The network from voices to features, as it starts, and its voices: clips without an encoder, else the
    encoder's embeddings."""
    if encoder is None:
        network = VoiceNet(known.features.shape[1], config.size)
        with torch.no_grad():
            network.dense[2].bias.copy_(known.features.mean(dim=0))  # type: ignore[operator]
        return network, VoiceBatches(people.clips, audio, order, int(config.clip_seconds * SAMPLE_RATE_HZ))
    windows, labels = encoder.embed_windows(people.clips, audio), people.clips["label"].to_numpy()
    return on_embeddings(config, windows, labels, known), Mixtures(order, windows.numpy(), labels)


def on_embeddings(
    config: Speech2FaceConfig, windows: Tensor, clip_labels: np.ndarray, known: Known
) -> EmbeddingNet:
    """A network on the directions of the embeddings [N, W, Y] that predict mean features of people; it starts
    as their linear regression.

    All of it is found within the training people.
    """
    # All people, unless there are more of them than known faces.
    present, person = np.unique(known.labels, return_inverse=True)
    voices = reduced_rank.by_label(speaker.pool(windows).numpy(), clip_labels)[present]
    faces = reduced_rank.by_label(known.features.numpy(), person)
    found = reduced_rank.fit(voices, reduced_rank.principal(faces), config.directions, seed=config.seed)
    along = (voices - found.mean) @ found.matrix
    network = EmbeddingNet(windows.shape[2], along.shape[1], faces.shape[1])
    weights = np.linalg.pinv(along - along.mean(axis=0)) @ (faces - faces.mean(axis=0))
    network.start_from(found.mean, found.matrix, faces.mean(axis=0), weights)
    return network


class Mixtures:
    """step -> (embeddings of voices [B, Y], labels [B]) of this rank's part of the batch: a random mixture of
    the windows of a clip of each."""

    def __init__(self, order: IdentityOrder, windows: np.ndarray, clip_labels: np.ndarray) -> None:
        self.order, self.windows, self.clips = order, windows, ByLabel(clip_labels)

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 3, step])
        labels, mine = self.order.whole(step), self.order.mine
        mixed = torch.from_numpy(mixed_windows(self.windows, self.clips.draw(labels, rng), rng, mine))
        return speaker.pool(mixed[:, None]).numpy(), labels[mine]


def predict(network: VoiceNet | EmbeddingNet, voices: Tensor, noise: Tensor) -> Tensor:
    """Predicted features [B, D] of waveforms [B, T], or of embeddings [B, Y] with noise [B, >= directions] on
    their directions."""
    if isinstance(network, EmbeddingNet):
        return network(voices, noise[:, : network.condition.dim])
    return network(complex_spectrogram(voices))


def voice_loss(
    config: Speech2FaceConfig, decoder: FaceDecoder, classifier: nn.Linear, predicted: Tensor, true: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The paper's three losses between predicted and true features [B, D]."""
    losses = {
        "hearing/first_layer": first_layer_loss(decoder.first_layer(predicted), decoder.first_layer(true)),
        "hearing/direction": direction_loss(predicted, true),
    }
    predicted_logits, logits = (classifier(decoder.standardise(x)) for x in (predicted, true))
    losses["hearing/distillation"] = distillation_loss(predicted_logits, logits, config.temperature)
    loss = losses["hearing/first_layer"] + config.direction_weight * losses["hearing/direction"]
    return loss + config.distillation_weight * losses["hearing/distillation"], losses
