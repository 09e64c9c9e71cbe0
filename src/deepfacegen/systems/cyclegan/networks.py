"""Networks of the conditional CycleGAN (Lu, Tai and Tang 2018, arXiv 1705.09966): low-res face + attributes
-> high-res face, and back.

The paper concatenates the attribute vector with hidden feature maps; here it modulates them (FiLM), and the
generator corrects an image that a linear map gives, so that a few hundred steps on a CPU are enough. Networks
work on a 32 px grid, whatever the size of the face.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.systems.condition import Modulate

GRID_PX = 32
NEIGHBOURHOOD_PX = 5  # of the low-res face, that a block of the high-res face is computed from
# Of the correction: with Adam, a step of 1e-3 on 432 weights at once would else move every pixel by far more
# than it is off.
STEP = 0.05
SMALL_PX = 16  # what attributes are guessed from, whatever the generator is given
# A guess of -1 to 1 beyond the first begins to count, and counts fully beyond the second.
PLAIN_FROM, PLAIN_TO = 0.1, 0.4


def small(low: Tensor) -> Tensor:
    """[B, 3, s, s], s >= 16 -> [B, 768]."""
    return F.interpolate(low, (SMALL_PX, SMALL_PX), mode="area").flatten(1)


def reduced(faces: Tensor, scale: int) -> Tensor:
    """[B, 3, S, S] -> [B, 3, S / scale, S / scale] by area: the known way down."""
    return F.avg_pool2d(faces, scale)


def bicubic(low: Tensor, scale: int) -> Tensor:
    """[B, 3, s, s] -> [B, 3, s * scale, s * scale]: the way up that knows nothing of faces."""
    return F.interpolate(low, scale_factor=float(scale), mode="bicubic", align_corners=False)


class LinearUpscale(nn.Module):
    """Each block of the high-res face, less its bicubic estimate, as a linear map of 5 x 5 low-res pixels
    around it and the attributes.

    Aligned faces have the same part of a face at the same place, so each place has a map of its own (as in
    position-patch face hallucination, Ma, Zhang and Qi 2010, but with ridge regression over all training
    faces instead of a fit for each face).
    """

    weight: Tensor

    def __init__(self, attributes: int, size_px: int, scale: int) -> None:
        super().__init__()
        self.size_px, self.scale, self.places = size_px, scale, (size_px // scale) ** 2
        self.inputs = 3 * NEIGHBOURHOOD_PX**2 + attributes + 1
        self.register_buffer("weight", torch.zeros(self.places, self.inputs, 3 * scale**2))

    def input(self, low: Tensor, attributes: Tensor) -> Tensor:
        """Of each place: [B, 3, s, s], [B, K] -> [places, B, inputs]."""
        padded = F.pad(low, (NEIGHBOURHOOD_PX // 2,) * 4, mode="replicate")
        around = F.unfold(padded, NEIGHBOURHOOD_PX).permute(2, 0, 1)
        rest = torch.cat([attributes, attributes.new_ones(len(attributes), 1)], dim=1)
        return torch.cat([around, rest.expand(self.places, -1, -1)], dim=2)

    def blocks(self, faces: Tensor) -> Tensor:
        """[B, 3, S, S] -> [places, B, 3 * scale^2]."""
        return F.unfold(faces, self.scale, stride=self.scale).permute(2, 0, 1)

    def forward(self, low: Tensor, attributes: Tensor) -> Tensor:
        """[B, 3, s, s], [B, K] -> [B, 3, S, S], not clamped."""
        blocks = torch.bmm(self.input(low, attributes), self.weight).permute(1, 2, 0)
        return bicubic(low, self.scale) + F.fold(blocks, self.size_px, self.scale, stride=self.scale)


class LinearEdit(nn.Module):
    """Moves a low-res face that plainly shows the opposite of an attribute of the condition until it shows
    that: along the attribute's direction in low-res faces.

    `strength` is what the guess should then read: 1 as of such people on average. Where the face says
    nothing, or the same, nothing is moved, so that a true condition leaves it as it is. With an identity, the
    face first becomes what that looks like in low-res faces, plus the part `kept` of what the face has beyond
    its own looks; the less so, the more alike the two embeddings are.
    """

    direction: Tensor
    answer: Tensor
    looks: Tensor
    plain: Tensor

    def __init__(self, attributes: int, identity: int, low_px: int, strength: float, kept: float) -> None:
        super().__init__()
        self.strength, self.kept = strength, kept
        self.guess = nn.Linear(3 * SMALL_PX**2, attributes).requires_grad_(False)
        self.recognise = nn.Linear(3 * SMALL_PX**2, identity).requires_grad_(False) if identity else None
        self.register_buffer("direction", torch.zeros(attributes, 3, low_px, low_px))
        # The response of each guess to one step along its direction.
        self.register_buffer("answer", torch.ones(attributes))
        # The face of each number of an embedding, and of an embedding of zeros.
        self.register_buffer("looks", torch.zeros(identity, 3, low_px, low_px))
        self.register_buffer("plain", torch.zeros(3, low_px, low_px))

    def guessed(self, low: Tensor) -> Tensor:
        """[B, 3, s, s] -> the attributes it seems to have, [B, K], about -1 to 1."""
        return self.guess(small(low))

    def forward(self, low: Tensor, condition: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, s, s], [B, K], [B, D] (unit, or zeros) -> the moved face, and how far it was moved along
        each attribute's direction [B, K]."""
        like = low if self.recognise is None else self._resembling(low, identity, self.recognise)
        guessed = self.guessed(like)
        against = ((-condition * guessed - PLAIN_FROM) / (PLAIN_TO - PLAIN_FROM)).clamp(0, 1)
        moved = against * (self.strength * condition - guessed) / self.answer
        return like + torch.einsum("bk,kchw->bchw", moved, self.direction), moved

    def _resembling(self, low: Tensor, identity: Tensor, recognise: nn.Linear) -> Tensor:
        own = F.normalize(recognise(small(low)), dim=1)
        unlike = (1 - (own * identity).sum(dim=1).clamp(min=0)) * identity.any(dim=1)
        theirs, mine = (
            self.plain + torch.einsum("bd,dchw->bchw", who, self.looks) for who in (identity, own)
        )
        return torch.lerp(low, theirs + self.kept * (low - mine), unlike[:, None, None, None])


class Upscaler(nn.Module):
    """G: low-res face [B, 3, s, s], attributes [B, K] (-1 to 1, 0 unknown) and identity [B, D] (unit, or
    zeros) -> [B, 3, S, S], not clamped.

    Starts as `LinearEdit` and `LinearUpscale` alone: the correction begins at zero.
    """

    def __init__(
        self,
        attributes: int,
        identity: int,
        size_px: int,
        scale: int,
        channels: int,
        strength: float,
        kept: float,
        style: int = 64,
    ) -> None:
        super().__init__()
        self.edit = LinearEdit(attributes, identity, size_px // scale, strength, kept)
        self.start = LinearUpscale(attributes, size_px, scale)
        self.fold = size_px // GRID_PX
        self.style = nn.Sequential(
            nn.Linear(2 * attributes + identity, style),
            nn.LeakyReLU(0.2),
            nn.Linear(style, style),
            nn.LeakyReLU(0.2),
        )
        folded, wide = 3 * self.fold**2, 2 * channels
        self.enter = nn.Conv2d(folded, channels, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(channels, GRID_PX, GRID_PX))  # what is where in an aligned face
        widths = (channels, channels, wide, wide, channels, channels)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.modulations = nn.ModuleList(Modulate(width, style) for width in widths[1:])
        self.picture = nn.Conv2d(channels, folded, 3, padding=1, bias=False)
        nn.init.zeros_(self.picture.weight)

    def forward(self, low: Tensor, attributes: Tensor, identity: Tensor) -> Tensor:
        edited, moved = self.edit(low, attributes, identity)
        return self.correct(edited, moved, attributes, identity)

    def correct(self, edited: Tensor, moved: Tensor, attributes: Tensor, identity: Tensor) -> Tensor:
        """From the low-res face that `edit` gave and how far it was moved."""
        start = self.start(edited, attributes)
        style = self.style(torch.cat([attributes, moved, identity], dim=1))

        def layer(i: int, x: Tensor) -> Tensor:
            return F.leaky_relu(self.modulations[i](self.convolutions[i](x), style), 0.2)

        fine = layer(0, F.leaky_relu(self.enter(F.pixel_unshuffle(start, self.fold)) + self.place, 0.2))
        coarse = layer(3, layer(2, layer(1, F.avg_pool2d(fine, 2))))
        fine = layer(4, fine + F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        return start + STEP * F.pixel_shuffle(self.picture(fine), self.fold)


class Reducer(nn.Module):
    """F, learned: high-res face [B, 3, S, S] -> low-res face [B, 3, s, s]. Corrects the reduction by area;
    starts at no correction."""

    def __init__(self, size_px: int, scale: int, channels: int) -> None:
        super().__init__()
        self.scale, self.low_px, self.fold = scale, size_px // scale, size_px // GRID_PX
        self.enter = nn.Conv2d(3 * self.fold**2, channels, 3, padding=1)
        self.middle = nn.Conv2d(channels, channels, 3, padding=1)
        self.picture = nn.Conv2d(channels, 3, 3, padding=1, bias=False)
        nn.init.zeros_(self.picture.weight)

    def forward(self, faces: Tensor) -> Tensor:
        x = F.leaky_relu(self.enter(F.pixel_unshuffle(faces, self.fold)), 0.2)
        x = F.interpolate(x, (self.low_px, self.low_px), mode="area")
        return reduced(faces, self.scale) + self.picture(F.leaky_relu(self.middle(x), 0.2))


class Critic(nn.Module):
    """D: face [B, 3, S, S] -> embedding [B, dim], with heads for `logits` and for the attributes."""

    def __init__(self, attributes: int, size_px: int, channels: int, dim: int = 128) -> None:
        super().__init__()
        self.fold = size_px // GRID_PX
        # At 32, 16, 8 and 4 px.
        widths = (3 * self.fold**2, channels, 2 * channels, 2 * channels, 3 * channels)
        self.stages = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.embed = nn.Sequential(nn.Linear(16 * widths[-1], dim), nn.LeakyReLU(0.2))
        self.real = nn.Linear(dim, 1)
        self.asked = nn.Linear(attributes, dim, bias=False)
        self.attributes = nn.Linear(dim, attributes)

    def trunk(self, faces: Tensor) -> Tensor:
        x = F.pixel_unshuffle(faces, self.fold)
        for i, stage in enumerate(self.stages):
            x = F.leaky_relu(stage(F.avg_pool2d(x, 2) if i else x), 0.2)
        return self.embed(x.flatten(1))

    def logits(self, embedding: Tensor, attributes: Tensor) -> Tensor:
        """Logit [B]: real, and with these attributes [B, K]? By projection (Miyato and Koyama 2018); unknown
        ones, 0, add nothing."""
        return (
            self.real(embedding).squeeze(1)
            + (embedding * self.asked(attributes)).sum(dim=1) / embedding.shape[1] ** 0.5
        )


class LowCritic(nn.Module):
    """D of low-res faces [B, 3, s, s] -> logit [B]; only the learned way back needs it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, 1, 3, padding=1),
        )

    def forward(self, low: Tensor) -> Tensor:
        return self.layers(low).mean(dim=(1, 2, 3))
