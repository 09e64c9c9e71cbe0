"""The face networks of Wen, Singh and Raj 2019, layer by layer: `train.architecture: paper`."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class WenGenerator(nn.Module):
    """F_g: voice embedding [B, 64] -> face [B, 3, 64, 64], unbounded (clamped when it becomes a picture); no norm, no tanh."""

    def __init__(self, dim: int = 64) -> None:
        super().__init__()
        widths = (1024, 512, 256, 128, 64)
        layers: list[nn.Module] = [nn.ConvTranspose2d(dim, widths[0], 4, 1, 0), nn.ReLU(inplace=True)]
        for wide, narrow in pairwise(widths):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1), nn.ReLU(inplace=True)]
        layers.append(nn.ConvTranspose2d(widths[-1], 3, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        return self.layers(condition[:, :, None, None])


class WenDiscriminator(nn.Module):
    """F_f with both heads: face [B, 3, 64, 64] -> real-or-fake logit [B], identity logits [B, N], features.

    The trunk runs once for both heads. It does not see the voice: `condition` is taken and left unused.
    """

    def __init__(self, identities: int, dim: int = 64) -> None:
        super().__init__()
        widths = (3, 32, 64, 128, 256, 512)
        stages = [nn.Sequential(nn.Conv2d(widths[0], widths[1], 1), nn.LeakyReLU(0.2, inplace=True))]
        for narrow, wide in pairwise(widths[1:]):
            stages.append(nn.Sequential(nn.Conv2d(narrow, wide, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)))
        # Wen's code ends the trunk with a linear 4 x 4 convolution to the 64-d face embedding.
        self.stages = nn.ModuleList(stages)
        self.embed = nn.Conv2d(widths[-1], dim, 4, 1, 0)
        self.real = nn.Linear(dim, 1, bias=False)
        self.identity = nn.Linear(dim, identities, bias=False)

    def trunk(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for stage in self.stages:
            face = stage(face)
            features.append(face)
        return self.embed(face).flatten(1), features[2:]

    def judge(self, embedding: Tensor, condition: Tensor) -> Tensor:
        return self.real(embedding).squeeze(1)
