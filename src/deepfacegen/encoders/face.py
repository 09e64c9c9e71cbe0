"""The face network: trained to tell the training people apart by their photos, or ready-made, and the
description of any faces by it.

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
from deepfacegen.config.schema import to_dict
from deepfacegen.config.systems import FaceConfig
from deepfacegen.data.batches import FaceBatches, IdentityOrder, Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.encoders import dlib_net
from deepfacegen.encoders.face_networks import DROPOUT, SIDE_PX, DlibFace, FaceNet
from deepfacegen.encoders.speaker_networks import MarginClassifier
from deepfacegen.training import batch_norm, store
from deepfacegen.training.augment import DRAWS, Strength, augment
from deepfacegen.training.loop import Effort, Stateful, fit, seeded
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics


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
    def embed(self, faces: np.ndarray, batch: int = 64) -> Tensor:
        """uint8 [N, S, S, 3], RGB, in the alignment template -> unit embeddings, float32 [N, dim] on the
        CPU."""
        parts = []
        for i in range(0, len(faces), batch):
            seen = self._prepare(torch.from_numpy(faces[i : i + batch]).to(self.device))
            parts.append(
                F.normalize(self.network(seen)[0] + self.network(seen.flip(3))[0], dim=1).float().cpu()
            )
        return torch.cat(parts) if parts else torch.empty(0, self.dim)

    def embed_rows(self, faces: pd.DataFrame, photos: FaceShards, chunk: int = 512) -> Tensor:
        """Rows of the faces table -> unit embeddings [N, dim] on the CPU."""
        shard, row = faces["shard"].to_numpy(), faces["row"].to_numpy()
        parts = [
            self.embed(photos.gather(shard[i : i + chunk], row[i : i + chunk]))
            for i in range(0, len(faces), chunk)
        ]
        return torch.cat(parts) if parts else torch.empty(0, self.dim)

    def _prepare(self, faces: Tensor) -> Tensor:
        pixels = faces.permute(0, 3, 1, 2).float() / 127.5 - 1
        if self.any_size or pixels.shape[-1] == SIDE_PX:
            return pixels
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
        return Trained(
            ready_made(), Statistics(every=1), Effort(steps=0, seconds=0.0, waited_share=0.0, resumed_at=0)
        )
    device = distributed.device()
    distributed.share(config.batch)
    people = manifest.split("train")
    torch.manual_seed(config.seed)
    built: Any = FaceNet(config.embedding_dim, config.channels)
    network: FaceNet = built.to(memory_format=torch.channels_last).to(device)
    classifier = MarginClassifier(
        config.embedding_dim, len(people.identities), config.margin, config.scale
    ).to(device)
    distributed.broadcast(network)
    distributed.broadcast(classifier)
    batch_norm.share_statistics(network)
    parameters = [*network.parameters(), *classifier.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.lr, total_steps=config.steps, pct_start=0.2
    )
    order = IdentityOrder(
        len(people.identities), config.batch, config.seed, distributed.rank(), distributed.world()
    )
    batches = Photos(order, FaceBatches(people.faces, photos))
    strength = Strength() if config.augment else Strength(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, mirror=False)

    def step(i: int, batch: tuple[np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        faces, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        rng = seeded(config.seed, i)
        chance = torch.rand(config.batch, DRAWS, generator=rng)[order.mine].to(device)
        keep = (torch.rand(config.batch, network.width, generator=rng) >= DROPOUT)[order.mine].to(device)
        pixels = F.interpolate(faces.permute(0, 3, 1, 2).float() / 127.5 - 1, (SIDE_PX, SIDE_PX), mode="area")
        network.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            embedding, _ = network(
                augment(pixels, chance, strength).contiguous(memory_format=torch.channels_last), keep
            )
        loss, cosine = classifier(embedding, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        distributed.sync_gradients(parameters)
        optimiser.step()
        schedule.step()
        return {"loss": loss, "accuracy": (cosine.argmax(dim=1) == labels).float().mean()}

    statistics = Statistics(every=10, sink=sink)
    state: dict[str, Stateful] = {
        "network": network,
        "classifier": classifier,
        "optimiser": optimiser,
        "schedule": schedule,
    }
    effort = fit(
        "face",
        steps=config.steps,
        batch=batches,
        step=step,
        state=state,
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
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
    if isinstance(trained.network, DlibFace):
        seen = {
            "trained_on": [],
            "trained_on_corpora": list(weights.REGISTRY["dlib"].corpora),
            "trained_with": ["dlib"],
        }
    else:
        seen = {"trained_on": sorted(identities), "trained_on_corpora": [], "trained_with": []}
    # Nothing is chosen on held-out people: training ends after a fixed number of steps.
    store.save(
        folder,
        {"network": network, "params": to_dict(config), **seen, "chosen_on": []},
        network=trained.network,
    )


def _network(described: dict[str, Any]) -> FaceNet | DlibFace:
    return (
        DlibFace()
        if described["architecture"] == "dlib"
        else FaceNet(described["dim"], described["channels"])
    )
