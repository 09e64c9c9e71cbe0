"""The face network: trained to tell the training people apart by their photos, or ready-made, and the
embeddings of any faces by it.

Other systems start from it or aim at it; it never judges.
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
from torch import Tensor, nn

from deepfacegen import distributed, weights
from deepfacegen.config.systems import FaceConfig
from deepfacegen.data.batches import FaceBatches, IdentityOrder, Manifest
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.encoders import dlib_net
from deepfacegen.encoders.classify import train_classifier
from deepfacegen.encoders.face_networks import DROPOUT, SIDE_PX, DlibFace, FaceNet
from deepfacegen.training import store
from deepfacegen.training.augment import DRAWS, Strength, augment
from deepfacegen.training.loop import Effort
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import identity_order, seeded


@dataclass(frozen=True)
class Trained:
    """What training leaves. A ready-made network costs no step and has no curve."""

    network: FaceNet | DlibFace
    statistics: Statistics
    effort: Effort


class FaceEncoder:
    """A face network at rest. A face and its mirror image have the same embedding: the mean direction of
    both.

    `network` maps [B, 3, 64, 64] in [-1, 1] to (unit embedding [B, dim], feature [B, width]), and lets
    gradients through. `trained_with` names the judges that took part; a system that builds on this encoder
    has to hand that on in its own config.json.
    """

    def __init__(self, network: FaceNet | DlibFace, device: torch.device) -> None:
        self.network: nn.Module = network.to(device).eval().requires_grad_(False)
        self.device, self.dim, self.width = device, network.dim, network.width
        self.any_size = isinstance(network, DlibFace)
        self.trained_with = ["dlib"] if self.any_size else []

    @torch.inference_mode()
    def embed(self, faces: np.ndarray) -> Tensor:
        """uint8 [N, S, S, 3], RGB, in the alignment template -> unit embeddings, float32 [N, dim] on the
        CPU."""
        parts = [torch.empty(0, self.dim)]
        for part in batched(faces, 64):
            pixels = from_pixels(torch.from_numpy(part).to(self.device), part.shape[1])
            if not self.any_size and pixels.shape[-1] != SIDE_PX:
                pixels = resized(pixels)
            both = self.network(pixels)[0] + self.network(pixels.flip(3))[0]
            parts.append(F.normalize(both, dim=1).float().cpu())
        return torch.cat(parts)

    def embed_rows(self, faces: pd.DataFrame, photos: FaceShards) -> Tensor:
        """Rows of the faces table -> unit embeddings [N, dim] on the CPU."""
        parts = [self.embed(photos.rows(part)) for part in batched(faces, 512)]
        return torch.cat([torch.empty(0, self.dim), *parts])


def resized(pixels: Tensor) -> Tensor:
    """[B, 3, S, S] -> [B, 3, 64, 64], by area."""
    return F.interpolate(pixels, (SIDE_PX, SIDE_PX), mode="area")


def load(folder: Path, device: torch.device) -> FaceEncoder:
    """Raises UserError if there is no face network in the folder."""
    network = _network(store.read_config(folder)["network"])
    store.read_weights(folder, "network", network)
    return FaceEncoder(network, device)


def ready_made() -> DlibFace:
    """dlib's network. Raises UserError when its weights are not on this machine or are damaged."""
    network = DlibFace()
    network.net = dlib_net.read(weights.locate("dlib"))
    return network


def train(
    config: FaceConfig, manifest: Manifest, photos: FaceShards, resume: Resume, sink: Sink | None = None
) -> Trained:
    """Train on the training identities only; every rank ends with the same weights. The ready-made network is
    taken as it is."""
    if config.architecture == "dlib":
        none = Effort(steps=0, seconds=0.0, waited_share=0.0, resumed_at=0)
        return Trained(ready_made(), Statistics(every=1), none)
    device = distributed.device()
    distributed.share(config.batch)
    people = manifest.split("train")
    torch.manual_seed(config.seed)
    built: Any = FaceNet(config.embedding_dim, config.channels)
    network: FaceNet = built.to(memory_format=torch.channels_last).to(device)
    order = identity_order(config, len(people.identities))
    strength = Strength() if config.augment else Strength(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, mirror=False)

    def embed(i: int, faces: Tensor) -> Tensor:
        rng = seeded(config.seed, i)
        chance = torch.rand(config.batch, DRAWS, generator=rng)[order.mine].to(device)
        keep = (torch.rand(config.batch, network.width, generator=rng) >= DROPOUT)[order.mine].to(device)
        pixels = augment(resized(from_pixels(faces, faces.shape[1])), chance, strength)
        return network(pixels.contiguous(memory_format=torch.channels_last), keep)[0]

    batches = Photos(order, FaceBatches(people.faces, photos))
    statistics, effort = train_classifier(
        "face", config, network, len(people.identities), batches, embed, resume, sink
    )
    return Trained(network, statistics, effort)


class Photos:
    """step -> (faces uint8 [B, S, S, 3], labels [B]): a photo of each identity, of this rank's part of the
    batch."""

    def __init__(self, order: IdentityOrder, faces: FaceBatches) -> None:
        self.order, self.faces = order, faces

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        labels = self.order.whole(step)
        rng = np.random.default_rng([self.order.seed, 4, step, 0])
        return self.faces.draw(labels, rng, self.order.mine), labels[self.order.mine]


def save(folder: Path, config: FaceConfig, trained: Trained, identities: Sequence[str]) -> None:
    """Weights, how to rebuild the network, whom it has seen (by id, or by the corpora they are in), and which
    judge it is, if it is one."""
    network = {"architecture": config.architecture, "dim": config.embedding_dim, "channels": config.channels}
    ready = isinstance(trained.network, DlibFace)
    store.save_trained(
        folder,
        config,
        [] if ready else identities,
        {"network": trained.network},
        trained_with=["dlib"] if ready else [],
        trained_on_corpora=list(weights.REGISTRY["dlib"].corpora) if ready else [],
        network=network,
    )


def _network(described: dict[str, Any]) -> FaceNet | DlibFace:
    return (
        DlibFace()
        if described["architecture"] == "dlib"
        else FaceNet(described["dim"], described["channels"])
    )
