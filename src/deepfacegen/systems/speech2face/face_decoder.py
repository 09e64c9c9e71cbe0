"""The face decoder: from the feature of a face-recognition network to a face, as texture and shape (after
Cole et al. 2017)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.systems.speech2face.warp import warp

SIDE_PX = 64
GRID = 8  # control points along each side
COMPONENTS = 128  # at most so many principal directions of features are decoded in closed form
SMALLEST = 1e-6  # of the largest variance of a feature: directions below it hold rounding alone


class FaceDecoder(nn.Module):
    """Feature [B, D] -> face [B, 3, 64, 64] in [-1, 1] (clamped when it becomes a picture).

    As in Cole et al. a first layer serves two branches: a few dense layers give the shape of the face,
    convolutions its texture in a canonical shape, and a differentiable warp puts them together. What differs:
    shape is a control grid of shifts instead of landmarks, without targets of its own: it is learnt from
    pixels alone, kept smooth by `systems.speech2face.warp.bending`. Landmarks would come from the very
    predictor by which evaluation measures the proportions of generated faces.
    The texture has 64 px instead of 224, and starts in closed form: the mean face and the ridge regression of
    faces on the leading directions of their features, which does not change; convolutions add what is left.
    A few hundred steps from the mean face alone leave all mouths and eyes alike, and so blurred that a
    recogniser reacts to the blur more than to the person.
    """

    mean: Tensor
    centre: Tensor
    scale: Tensor
    directions: Tensor
    faces: Tensor

    def __init__(self, dim: int, width: int = 256, channels: int = 32) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3, SIDE_PX, SIDE_PX))
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(()))
        kept = min(COMPONENTS, dim)
        self.register_buffer("directions", torch.zeros(dim, kept))
        self.register_buffer("faces", torch.zeros(kept, 3 * SIDE_PX * SIDE_PX))
        self.enter = nn.Linear(dim, width)
        self.shape = nn.Sequential(
            nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, 2 * GRID * GRID)
        )
        self.start = nn.Linear(width, 4 * channels * 16)
        widths = (4 * channels, 4 * channels, 2 * channels, channels)  # at 4, 8, 16 and 32 px
        self.paint = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.picture = nn.Conv2d(channels, 12, 3, padding=1)
        for last in (self.shape[2], self.picture):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    @torch.no_grad()
    def start_from(self, faces: Tensor, features: Tensor, noise: float) -> None:
        """The mean of real faces [N, 3, 64, 64], and the place and size of their features [N, D], so that the
        first layer takes numbers about 1; beside them the ridge regression of these faces on these features.

        Its ridge is what `noise` on the features, in their own deviation, amounts to (Bishop 1995).
        """
        self.mean.copy_(faces.mean(dim=0))
        self.centre.copy_(features.mean(dim=0))
        self.scale.copy_((features - self.centre).square().mean().sqrt().clamp(min=1e-6))
        left, size, right = torch.linalg.svd((features - self.centre).double(), full_matrices=False)
        kept = min(len(size), len(self.faces))
        ridge = max(len(faces) * (noise * float(self.scale)) ** 2, SMALLEST * float(size[0]) ** 2)
        self.directions[:, :kept] = right[:kept].T.to(self.directions)
        # The columns on the left have mean 0 over faces, so the mean face need not be taken off.
        self.faces[:kept] = ((left * size / (size**2 + ridge))[:, :kept].T.to(faces)) @ faces.flatten(1)

    def first_layer(self, feature: Tensor) -> Tensor:
        """f_dec: [B, D] -> [B, width]."""
        return F.relu(self.enter(self.standardise(feature)))

    def standardise(self, feature: Tensor) -> Tensor:
        """Features [B, D] less their mean, in their own deviation."""
        return (feature - self.centre) / self.scale

    def parts(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Texture [B, 3, 64, 64] in canonical shape, and shifts of the control grid [B, 2, 8, 8] in
        pixels."""
        first = self.first_layer(feature)
        x = F.leaky_relu(self.start(first), 0.2).view(len(first), -1, 4, 4)
        for layer in self.paint:
            x = F.leaky_relu(layer(F.interpolate(x, scale_factor=2.0, mode="nearest")), 0.2)
        beyond = (feature - self.centre) @ self.directions @ self.faces
        return self.mean + beyond.view(-1, *self.mean.shape) + F.pixel_shuffle(
            self.picture(x), 2
        ), self.shape(first).view(-1, 2, GRID, GRID)

    def forward(self, feature: Tensor) -> Tensor:
        return warp(*self.parts(feature))

    def exaggerate(self, feature: Tensor, by: float) -> Tensor:
        """Features [B, D] `by` times as far from the mean of real ones."""
        return self.centre + by * (feature - self.centre)
