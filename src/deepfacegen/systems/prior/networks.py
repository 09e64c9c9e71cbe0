"""The face networks of the prior, with which the conditional GAN begins: small, convolutional, with most of
the work done at half the image size or less.

That costs a quarter of the arithmetic of a plain network, which is what makes training on two cores possible.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.systems.condition import Modulate
from deepfacegen.training.losses import LANDMARKS

STYLE = 128
CLOSE_UP = 48  # numbers that an encoder keeps of an eye or mouth seen at full size
# Sides of what is seen of each eye and of the mouth, as shares of the image's (width, height).
EYE, MOUTH = (0.14, 0.125), (0.36, 0.19)
DETAIL = 12.0  # how much the fine detail of a face is enlarged for the discriminator


def widths_by_size(image_size_px: int, channels: int, max_channels: int) -> dict[int, int]:
    """Channels at each side length from half the image size down to 4: {32: 48, 16: 96, 8: 128, 4: 128}."""
    sizes = [2**i for i in range(int(math.log2(image_size_px)) - 1, 1, -1)]
    return {size: min(channels * 2**i, max_channels) for i, size in enumerate(sizes)}


def trunk_widths(image_size_px: int, channels: int, max_channels: int) -> dict[int, int]:
    """Of `Trunk`: half as many at 4, else most weights would be those of the embedding."""
    widths = widths_by_size(image_size_px, channels, max_channels)
    return {**widths, 4: widths[4] // 2}


class Trunk(nn.Module):
    """Faces [B, 3, S, S] in [-1, 1] -> an embedding [B, dim] and the feature maps of every size.

    `sharp`: it also sees the fine detail (what a 2 x 2 mean leaves out), enlarged. Without it a discriminator
    takes hundreds of steps to see that a face is blurred; with it, tens.
    """

    def __init__(
        self, image_size_px: int, channels: int, max_channels: int, dim: int, sharp: bool = False
    ) -> None:
        super().__init__()
        self.sharp = sharp
        widths = trunk_widths(image_size_px, channels, max_channels)
        self.stages = nn.ModuleList()
        narrow = 24 if sharp else 12
        for size in sorted(widths, reverse=True):
            self.stages.append(
                nn.Sequential(nn.Conv2d(narrow, widths[size], 3, padding=1), nn.LeakyReLU(0.2))
            )
            narrow = widths[size]
        self.embed = nn.Sequential(nn.Linear(narrow * 16, dim), nn.LeakyReLU(0.2))
        _start_at_unit_size(self)

    def forward(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        if self.sharp:
            detail = face - F.interpolate(F.avg_pool2d(face, 2), scale_factor=2.0, mode="nearest")
            face = torch.cat([face, DETAIL * detail], dim=1)
        x = F.pixel_unshuffle(face, 2)
        features = []
        for i, stage in enumerate(self.stages):
            if i:
                x = F.avg_pool2d(x, 2)
            x = stage(x)
            features.append(x)
        return self.embed(x.flatten(1)), features


def _start_at_unit_size(network: nn.Module) -> None:
    """Kaiming's weights for LeakyReLU(0.2), biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, 0.2)
            assert module.bias is not None
            nn.init.zeros_(module.bias)


class FaceEncoder(nn.Module):
    """Faces [B, 3, S, S] in [-1, 1] -> mean and log variance of their code, [B, Z] each.

    It sees eyes and mouth of an aligned face once more at full size: the trunk's averages lose the colour of
    an iris of three pixels.
    """

    def __init__(self, image_size_px: int, channels: int, max_channels: int, code: int) -> None:
        super().__init__()
        self.trunk = Trunk(image_size_px, channels, max_channels, STYLE)
        self.windows = landmark_windows(image_size_px)
        self.close_ups = nn.ModuleList(
            nn.Sequential(
                *(nn.Linear(3 * (bottom - top) * (right - left), CLOSE_UP), nn.LeakyReLU(0.2)),
                *(nn.Linear(CLOSE_UP, CLOSE_UP), nn.LeakyReLU(0.2)),
            )
            for top, bottom, left, right in self.windows
        )
        _start_at_unit_size(self.close_ups)
        wide = STYLE + CLOSE_UP * len(self.windows)
        self.code = nn.Linear(wide, 2 * code)
        nn.init.normal_(self.code.weight, std=wide**-0.5)
        nn.init.zeros_(self.code.bias)

    def forward(self, face: Tensor) -> tuple[Tensor, Tensor]:
        seen = [self.trunk(face)[0]]
        for (top, bottom, left, right), close_up in zip(self.windows, self.close_ups, strict=True):
            seen.append(close_up(face[:, :, top:bottom, left:right].flatten(1)))
        mean, log_variance = self.code(torch.cat(seen, dim=1)).float().chunk(2, dim=1)
        return mean, (log_variance - 2).clamp(-10, 4)


def landmark_windows(size_px: int) -> list[tuple[int, int, int, int]]:
    """(top, bottom, left, right) of both eyes and the mouth of an aligned face of that side."""
    left_eye, right_eye, _, mouth, _ = LANDMARKS
    found = []
    for (x, y), (width, height) in ((left_eye, EYE), (right_eye, EYE), (mouth, MOUTH)):
        left, top = round((x - width / 2) * size_px), round((y - height / 2) * size_px)
        found.append((top, top + round(height * size_px), left, left + round(width * size_px)))
    return found


class Synthesis(nn.Module):
    """Codes [B, Z], entries of about unit size -> faces [B, 3, S, S] in [-1, 1] (clamped when they become
    pictures).

    Only the last two, narrow convolutions see the full size. No pixel shuffle: what it does not learn alike
    for all pixels of a block becomes a pattern of period 2.
    """

    def __init__(self, image_size_px: int, channels: int, max_channels: int, code: int) -> None:
        super().__init__()
        widths = widths_by_size(image_size_px, channels, max_channels)
        sizes = sorted(widths)
        self.style = nn.Sequential(
            *(nn.Linear(code, STYLE), nn.LeakyReLU(0.2), nn.Linear(STYLE, STYLE), nn.LeakyReLU(0.2))
        )
        self.start = nn.Linear(code, widths[4] * 16)
        self.convolutions, self.modulations = nn.ModuleList(), nn.ModuleList()
        pairs = [(widths[4], widths[4])]
        for previous, size in pairwise(sizes):
            pairs += [(widths[previous], widths[size]), (widths[size], widths[size])]
        for narrow, wide in pairs:
            self.convolutions.append(nn.Conv2d(narrow, wide, 3, padding=1))
            self.modulations.append(Modulate(wide, STYLE))
        last = widths[sizes[-1]]
        self.narrow = nn.Conv2d(last, 32, 3, padding=1)
        self.fine = nn.Conv2d(32, 16, 3, padding=1)
        self.picture = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, code: Tensor) -> Tensor:
        style = self.style(code)
        x = self.start(code).view(code.shape[0], -1, 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)
        for i, (convolution, modulation) in enumerate(zip(self.convolutions, self.modulations, strict=True)):
            x = F.leaky_relu(modulation(convolution(x), style), 0.2)
            if i % 2:  # between the two of a size: the first is cheaper before it
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = F.interpolate(F.leaky_relu(self.narrow(x), 0.2), scale_factor=2.0, mode="nearest")
        return self.picture(F.leaky_relu(self.fine(x), 0.2))


class RealFace(nn.Module):
    """Face -> logit [B]: is it real? The discriminator of the prior."""

    def __init__(self, image_size_px: int, channels: int, max_channels: int, dim: int = STYLE) -> None:
        super().__init__()
        self.trunk = Trunk(image_size_px, channels, max_channels, dim, sharp=True)
        self.real = nn.Linear(dim, 1)

    def forward(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logit [B] and the feature maps of every size."""
        embedding, features = self.trunk(face)
        return self.real(embedding).squeeze(1), features


class RealPlaces(nn.Module):
    """Feature maps of a `Trunk` -> logits [B, P]: does each place of a face look real? For every place of
    the maps of an eighth and a quarter of the image size, each with weights of its own: faces are aligned.

    What is wrong with an eye alone hardly moves a logit of the whole face.
    """

    def __init__(self, image_size_px: int, channels: int, max_channels: int) -> None:
        super().__init__()
        widths = trunk_widths(image_size_px, channels, max_channels)
        sizes = [image_size_px // 4, image_size_px // 8]
        self.weights = nn.ParameterList(torch.zeros(widths[size], size, size) for size in sizes)
        self.bias = nn.Parameter(torch.zeros(sum(size**2 for size in sizes)))

    def forward(self, features: list[Tensor]) -> Tensor:
        logits = [
            (feature.float() * weight).sum(dim=1).flatten(1) * (4 / len(weight) ** 0.5)
            for feature, weight in zip(features[1:3], self.weights, strict=True)
        ]
        return torch.cat(logits, dim=1) + self.bias
