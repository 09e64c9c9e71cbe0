"""The networks of the conditional GAN by its parameters: the standard ones, which begin as a prior, and the
paper's."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from deepfacegen.systems.cgan.discriminator import Discriminator
from deepfacegen.systems.cgan.linear_latent import Generator
from deepfacegen.systems.cgan.paper_networks import WenDiscriminator, WenGenerator
from deepfacegen.systems.condition import Condition, PredictedCondition, WholeCondition
from deepfacegen.systems.prior.prior import Sizes


def condition(params: dict[str, Any], voice_dim: int, dim: int) -> Condition:
    """`dim` numbers of a voice of `voice_dim`."""
    whole = params["architecture"] == "paper" or params["condition_dim"] == 0
    return WholeCondition(dim) if whole else PredictedCondition(voice_dim, dim)


def generator(params: dict[str, Any], dim: int, sizes: Sizes) -> nn.Module:
    if params["architecture"] == "paper":
        return WenGenerator(dim, activation=params["face_activation"])
    return Generator(dim, sizes)


def discriminator(params: dict[str, Any], dim: int, identities: int, sizes: Sizes) -> nn.Module:
    activation = params["logit_activation"]
    if params["architecture"] == "paper":
        return WenDiscriminator(identities, activation=activation)
    return Discriminator(dim, identities, sizes.widths, activation)


def layout(params: dict[str, Any], device: torch.device) -> torch.memory_format:
    """Of the generator's weights. On a CPU, Adam is slow over those with channels last, and the paper's
    generator has 12 million."""
    plain = params["architecture"] == "paper" and device.type == "cpu"
    return torch.contiguous_format if plain else torch.channels_last
