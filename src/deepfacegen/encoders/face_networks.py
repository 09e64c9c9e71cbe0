"""Networks that describe faces: one to be trained on the training people's photos, and one that others
trained on thousands of people.
 Both map aligned faces [B, 3, S, S] in [-1, 1] to a unit embedding [B, dim] and the wider feature [B, width]
 it is computed from.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.encoders import chips, dlib_net

SIDE_PX = 64
STRIDES = 4  # each halves the picture: 4 x 4 places are left of 64 x 64
DROPOUT = 0.3  # of the feature, in training


class Residual(nn.Module):
    """x + what two convolutions make of it, pre-activation left out (as in ArcFace's small networks): [B, C,
    H, W] -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class FaceNet(nn.Module):
    """A small residual network (He et al. 2016) with PReLU and batch norm, about a million weights at 32
    channels.

    Four stages, each a strided convolution and a residual block, `channels` wide and then two, three and four
    times that. The feature keeps its 4 x 4 places, as ArcFace's networks do (Deng et al. 2019): in an aligned
    face a place means something. Layers are linear after it.
    """

    def __init__(self, dim: int = 128, channels: int = 32) -> None:
        super().__init__()
        widths = [3, *(channels * (k + 1) for k in range(STRIDES))]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [
                nn.Conv2d(narrow, wide, 3, 2, 1, bias=False),
                nn.BatchNorm2d(wide),
                nn.PReLU(wide),
                Residual(wide),
            ]
        self.trunk = nn.Sequential(*layers)
        self.dim, self.width = dim, widths[-1] * (SIDE_PX >> STRIDES) ** 2
        self.head = nn.Sequential(nn.Linear(self.width, dim, bias=False), nn.BatchNorm1d(dim))

    def forward(self, faces: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """[B, 3, 64, 64] -> unit embedding [B, dim], feature [B, width]. `keep` [B, width]: 0 for what is
        dropped."""
        feature = self.trunk(faces).flatten(1)
        seen = feature if keep is None else feature * keep.to(feature) / (1.0 - DROPOUT)
        return F.normalize(self.head(seen).float(), dim=1), feature


class DlibFace(nn.Module):
    """dlib's recogniser (`encoders.dlib_net`), which is the project's second judge: nothing that is generated
    with its help may be judged by it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = dlib_net.DlibNet()
        self.dim, self.width = dlib_net.DIM, dlib_net.FEATURES

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, S, S], any S -> unit embedding [B, 128], feature [B, 256]."""
        seen = chips.cut((faces.float() + 1) * 127.5, dlib_net.CHIP_PX, dlib_net.PADDING)
        vectors, features = self.net(seen)
        return F.normalize(vectors, dim=1), features
