"""The default face networks: small, modulated by voice and noise, with the first and last halving done by
pixel shuffles.

Working at half the image size costs a quarter of the arithmetic of a plain 64 px network, which is what
 makes training on two cores possible.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.systems.cgan.activation import FACE, LOGIT, undecided
from deepfacegen.systems.cgan.linear_face import LinearFace
from deepfacegen.systems.condition import Modulate


def widths_by_size(image_size_px: int, channels: int, max_channels: int) -> dict[int, int]:
    """Channels at each side length from half the image size down to 4: {32: 24, 16: 48, 8: 96, 4: 128}."""
    sizes = [2**i for i in range(int(math.log2(image_size_px)) - 1, 1, -1)]
    return {size: min(channels * 2**i, max_channels) for i, size in enumerate(sizes)}


class Generator(nn.Module):
    """Condition [B, Y] (entries of about unit size) and noise [B, Z] -> face [B, 3, S, S] in [-1, 1]
    (identity: clamped when it becomes a picture).

    A convolutional network, modulated by both, corrects the face of the linear model, which it also sees. It
    starts at no correction. The activation (`systems.cgan.activation.FACE`) is applied to their sum.
    """

    def __init__(
        self,
        condition: int,
        z: int,
        image_size_px: int,
        channels: int,
        max_channels: int,
        style: int = 128,
        activation: str = "identity",
    ) -> None:
        super().__init__()
        self.activation = FACE[activation]
        widths = widths_by_size(image_size_px, channels, max_channels)
        self.z = z
        self.linear = LinearFace(condition, z, image_size_px, activation)
        self.style = nn.Sequential(
            nn.Linear(condition + z, style), nn.LeakyReLU(0.2), nn.Linear(style, style), nn.LeakyReLU(0.2)
        )
        self.start = nn.Linear(style, widths[4] * 16)
        sizes = sorted(widths)
        self.convolutions = nn.ModuleList()
        self.modulations = nn.ModuleList()
        for previous, size in zip([4, *sizes[:-1]], sizes, strict=True):
            self.convolutions.append(nn.Conv2d(widths[previous], widths[size], 3, padding=1))
            self.modulations.append(Modulate(widths[size], style))
        last = widths[sizes[-1]]
        self.look = nn.Conv2d(last + 12, 2 * last, 3, padding=1)
        self.picture = nn.Conv2d(2 * last, 12, 3, padding=1, bias=False)
        nn.init.zeros_(self.picture.weight)

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        style = self.style(torch.cat([condition, z], dim=1))
        x = self.start(style).view(style.shape[0], -1, 4, 4)
        for i, (convolution, modulation) in enumerate(zip(self.convolutions, self.modulations, strict=True)):
            if i:
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = F.leaky_relu(modulation(convolution(x), style), 0.2)
        linear = self.linear(condition, z)
        x = F.leaky_relu(self.look(torch.cat([x, F.pixel_unshuffle(linear, 2)], dim=1)), 0.2)
        return self.activation.forward(linear + F.pixel_shuffle(self.picture(x), 2))


class Discriminator(nn.Module):
    """Face [B, 3, S, S] and voice -> matched-and-real logit [B], identity logits [B, N], features.

    The voice enters by projection (Miyato and Koyama 2018), so one pass of the trunk over real faces serves
    the matched voice, another's voice and the identity classifier. The logit passes through the
    activation (`systems.cgan.activation.LOGIT`), the identity logits do not; `undecided` is the logit between
    real and generated.
    """

    def __init__(
        self,
        condition: int,
        identities: int,
        image_size_px: int,
        channels: int,
        max_channels: int,
        dim: int = 128,
        activation: str = "identity",
    ) -> None:
        super().__init__()
        self.activation, self.undecided = LOGIT[activation], undecided(activation)
        widths = widths_by_size(image_size_px, channels, max_channels)
        sizes = sorted(widths, reverse=True)
        self.stages = nn.ModuleList()
        narrow = 12
        for size in sizes:
            self.stages.append(
                nn.Sequential(nn.Conv2d(narrow, widths[size], 3, padding=1), nn.LeakyReLU(0.2))
            )
            narrow = widths[size]
        self.embed = nn.Sequential(nn.Linear(narrow * 16, dim), nn.LeakyReLU(0.2))
        self.real = nn.Linear(dim, 1)
        self.voice = nn.Sequential(nn.Linear(condition, dim), nn.LeakyReLU(0.2), nn.Linear(dim, dim))
        self.identity = nn.Linear(dim, identities)

    def trunk(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Embedding [B, dim] and the feature maps of every size."""
        x = F.pixel_unshuffle(face, 2)
        features = []
        for i, stage in enumerate(self.stages):
            if i:
                x = F.avg_pool2d(x, 2)
            x = stage(x)
            features.append(x)
        return self.embed(x.flatten(1)), features

    def logits(self, embedding: Tensor, condition: Tensor) -> Tensor:
        """Logit [B]: is this face real, and this person's voice?"""
        voice = self.voice(condition)
        return self.activation(
            self.real(embedding).squeeze(1) + (embedding * voice).sum(dim=1) / embedding.shape[1] ** 0.5
        )
