"""What Speech2Face is fitted by: the losses of its two parts, what both start from, and what its voices
are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config.baselines import Speech2FaceConfig
from deepfacegen.data.batches import SAMPLE_RATE_HZ, ByLabel, IdentityOrder, Manifest, VoiceBatches
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.systems.speech2face.face_decoder import SIDE_PX, FaceDecoder
from deepfacegen.systems.speech2face.losses import direction_loss, distillation_loss, first_layer_loss
from deepfacegen.systems.speech2face.networks import DescriptionNet, VoiceNet, complex_spectrogram
from deepfacegen.systems.speech2face.warp import bending, warp
from deepfacegen.training import reduced_rank
from deepfacegen.training.pixels import from_pixels

KNOWN_FACES, FACES_AT_ONCE = 4096, 128

Listen = Callable[
    [int], tuple[np.ndarray, np.ndarray]
]  # step -> (waveforms or descriptions, labels) of this rank's part of the batch


@dataclass(frozen=True)
class Known:
    """Training faces: pixels [N, 3, 64, 64] and features [N, D], on the CPU, and whose they are [N]."""

    pixels: Tensor
    features: Tensor
    labels: np.ndarray


@torch.no_grad()
def known_faces(faces: pd.DataFrame, photos: FaceShards, network: nn.Module, device: torch.device) -> Known:
    """All training faces, or evenly spaced ones if there are many: what is fitted before the first step rests
    on them."""
    rows = faces.iloc[np.unique(np.linspace(0, len(faces) - 1, min(KNOWN_FACES, len(faces))).astype(int))]
    pixels = from_pixels(
        torch.from_numpy(photos.gather(rows["shard"].to_numpy(), rows["row"].to_numpy())), SIDE_PX
    )
    features = torch.cat([network(part.to(device))[1].float().cpu() for part in pixels.split(FACES_AT_ONCE)])
    return Known(pixels, features, rows["label"].to_numpy())


def hearing(
    config: Speech2FaceConfig,
    people: Manifest,
    audio: AudioShards,
    encoder: speaker.VoiceEncoder | None,
    known: Known,
    order: IdentityOrder,
) -> tuple[VoiceNet | DescriptionNet, Listen]:
    """The network that hears, as it starts, and its voices: spectrograms of clips without an encoder, else
    the encoder's descriptions."""
    if encoder is None:
        network = VoiceNet(known.features.shape[1], config.size)
        with torch.no_grad():
            network.dense[2].bias.copy_(known.features.mean(dim=0))  # type: ignore[operator]
        return network, VoiceBatches(people.clips, audio, order, int(config.clip_seconds * SAMPLE_RATE_HZ))
    described, labels = encoder.embed_windows(people.clips, audio), people.clips["label"].to_numpy()
    return on_descriptions(config, described, labels, known), Described(order, described.numpy(), labels)


def on_descriptions(
    config: Speech2FaceConfig, described: Tensor, clip_labels: np.ndarray, known: Known
) -> DescriptionNet:
    """A network on the directions of the descriptions [N, W, Y] that predict mean features of people; it
    starts as their linear regression.

    All of it is found within the training people.
    """
    present, person = np.unique(
        known.labels, return_inverse=True
    )  # all people, unless there are more of them than known faces
    voices = reduced_rank.by_label(speaker.pool(described).numpy(), clip_labels)[present]
    faces = reduced_rank.by_label(known.features.numpy(), person)
    found = reduced_rank.fit(voices, reduced_rank.principal(faces), config.directions, seed=config.seed)
    along = (voices - found.mean) @ found.matrix
    network = DescriptionNet(described.shape[2], along.shape[1], faces.shape[1])
    network.start_from(
        found.mean,
        found.matrix,
        faces.mean(axis=0),
        np.linalg.pinv(along - along.mean(axis=0)) @ (faces - faces.mean(axis=0)),
    )
    return network


class Described:
    """step -> (descriptions of voices [B, Y], labels [B]) of this rank's part of the batch: a random mixture
    of the windows of a clip of each."""

    def __init__(self, order: IdentityOrder, described: np.ndarray, clip_labels: np.ndarray) -> None:
        self.order, self.described = order, described
        self.clips = ByLabel(clip_labels)

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 3, step])
        labels, mine = self.order.whole(step), self.order.mine
        heard = self.described[self.clips.draw(labels, rng)[mine]]
        weights = rng.dirichlet(np.ones(heard.shape[1]), len(labels)).astype(np.float32)[mine]
        mixed = torch.from_numpy(np.einsum("bw,bwy->by", weights, heard))
        return speaker.pool(mixed[:, None]).numpy(), labels[mine]


def heard(network: VoiceNet | DescriptionNet, voices: Tensor, noise: Tensor) -> Tensor:
    """Predicted features [B, D] of waveforms [B, T], or of descriptions [B, Y] with noise [B, >= directions]
    on their directions."""
    if isinstance(network, DescriptionNet):
        return network(voices, noise[:, : network.condition.dim])
    return network(complex_spectrogram(voices))


def decoding_loss(
    config: Speech2FaceConfig,
    decoder: FaceDecoder,
    classifier: nn.Linear,
    network: nn.Module,
    real: Tensor,
    true: Tensor,
    noise: Tensor,
    labels: Tensor,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The first part: pixels, the recogniser's view of the decoded face, and a smooth warp; beside it the
    recogniser's last layer.

    real [B, 3, 64, 64] are true faces and true [B, D] their features, to which noise [B, D] is added before
    they are decoded.
    """
    texture, shifts = decoder.parts(true + config.feature_noise * decoder.scale * noise)
    drawn = warp(texture, shifts)
    told = {"decoder/pixel": F.l1_loss(drawn, real), "decoder/bending": bending(shifts)}
    told["recogniser/loss"] = F.cross_entropy(classifier(decoder.standardise(true)), labels)
    loss = told["decoder/pixel"] + config.bending_weight * told["decoder/bending"] + told["recogniser/loss"]
    if config.recognition_weight:
        told["decoder/recognition"] = 1 - F.cosine_similarity(network(drawn)[1].float(), true).mean()
        loss = loss + config.recognition_weight * told["decoder/recognition"]
    return loss, told


def hearing_loss(
    config: Speech2FaceConfig, decoder: FaceDecoder, classifier: nn.Linear, predicted: Tensor, true: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The second part: the paper's three losses between predicted and true features [B, D]."""
    told = {
        "hearing/first_layer": first_layer_loss(decoder.first_layer(predicted), decoder.first_layer(true)),
        "hearing/direction": direction_loss(predicted, true),
        "hearing/distillation": distillation_loss(
            classifier(decoder.standardise(predicted)),
            classifier(decoder.standardise(true)),
            config.temperature,
        ),
    }
    loss = told["hearing/first_layer"] + config.direction_weight * told["hearing/direction"]
    return loss + config.distillation_weight * told["hearing/distillation"], told


@dataclass(frozen=True)
class Player:
    """An optimiser and what it moves."""

    optimiser: torch.optim.Optimizer

    def play(self, loss: Tensor) -> None:
        """One step down the gradient of the whole batch."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        distributed.sync_gradients(p for group in self.optimiser.param_groups for p in group["params"])
        self.optimiser.step()
