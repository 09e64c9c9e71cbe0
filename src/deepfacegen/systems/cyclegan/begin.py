"""The conditional CycleGAN before its first step: photos with their attributes, networks, and what is
fitted in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn

from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest import attributes as labels_of
from deepfacegen.data.shards import FaceShards
from deepfacegen.systems.cyclegan import fits
from deepfacegen.systems.cyclegan.batches import chunks
from deepfacegen.systems.cyclegan.identity import FaceEncoder, embed
from deepfacegen.systems.cyclegan.networks import Critic, LowCritic, Reducer, Upscaler, reduced, small


@dataclass(frozen=True)
class Begun:
    """Faces, their attributes [N, K] and the embedding of each [N, D], the networks, and the linear maps."""

    people: int
    names: list[str]
    faces: pd.DataFrame
    attributes: np.ndarray
    known: np.ndarray
    networks: tuple[Upscaler, Critic, Reducer, LowCritic]
    frontal: nn.Linear


def begin(
    config: CycleganConfig,
    manifest: Manifest,
    photos: FaceShards,
    table: pd.DataFrame,
    face: FaceEncoder | None,
) -> Begun:
    """Raises ValueError for an identity without a face network."""
    people, names = manifest.split("train"), list(table.columns)
    faces = people.faces
    attributes = np.nan_to_num(labels_of.matrix(table, faces))
    if config.identity and face is None:
        raise ValueError("cyclegan.identity needs a face network")
    known = np.zeros((len(faces), 0), np.float32)
    if config.identity and face is not None:
        known = embed(face, faces, photos)
    torch.manual_seed(config.seed)
    made = networks(config, len(names), known.shape[1])
    fits.fit_start(made[0].start, chunks(config.size_px, faces, photos, attributes), config.ridge)
    low = (
        (reduced(high, config.scale), values)
        for high, values in chunks(config.size_px, faces, photos, attributes)
    )
    fits.fit_edit(made[0].edit, low, torch.from_numpy(known))
    frontal = _fit_frontal(config, faces, photos, attributes)
    return Begun(len(people.identities), names, faces, attributes, known, made, frontal)


def networks(
    config: CycleganConfig, attributes: int, identity: int
) -> tuple[Upscaler, Critic, Reducer, LowCritic]:
    sizes = config.size_px, config.scale, config.channels
    return (
        Upscaler(attributes, identity, *sizes, config.edit, config.kept),
        Critic(attributes, config.size_px, config.channels),
        Reducer(*sizes),
        LowCritic(config.channels),
    )


def _fit_frontal(
    config: CycleganConfig, faces: pd.DataFrame, photos: FaceShards, attributes: np.ndarray
) -> nn.Linear:
    parts = chunks(config.size_px, faces, photos, attributes)
    low = torch.cat([small(reduced(high, config.scale)) for high, _ in parts])
    yaw = faces["yaw_ratio"].to_numpy(dtype=float) if "yaw_ratio" in faces else np.zeros(len(faces))
    return fits.fit_frontal(low, faces["label"].to_numpy(), yaw)
