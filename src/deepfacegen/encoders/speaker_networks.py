"""Voice encoders: log-mel in, one embedding per clip out. `wen` is the paper's net, `ecapa` the stronger
default."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.encoders.logmel import BANDS, LogMel


class WenEncoder(nn.Module):
    """Five strided 1-D convolutions and a mean over time (Wen, Singh, Raj 2019, F_e): [B, 64, T] -> [B,
    dim]."""

    def __init__(self, dim: int = 64) -> None:
        super().__init__()
        widths = (BANDS, 256, 384, 576, 864)
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [
                nn.Conv1d(narrow, wide, 3, 2, 1, bias=False),
                nn.BatchNorm1d(wide),
                nn.ReLU(inplace=True),
            ]
        layers.append(nn.Conv1d(widths[-1], dim, 3, 2, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, mel: Tensor) -> Tensor:
        return self.layers(mel).mean(dim=2)


class SqueezeExcite(nn.Module):
    """Reweighs channels by what the whole clip says (Hu et al. 2018): [B, C, T] -> [B, C, T]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv1d(channels, channels // 4, 1),
            nn.ReLU(inplace=True),
            nn.Conv1d(channels // 4, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean(dim=2, keepdim=True))


class Res2Block(nn.Module):
    """SE-Res2Block of ECAPA-TDNN (Desplanques et al. 2020): [B, C, T] -> [B, C, T], a chain of dilated group
    convolutions."""

    def __init__(self, channels: int, dilation: int, groups: int = 4) -> None:
        super().__init__()
        part = channels // groups
        self.groups = groups
        self.enter = nn.Sequential(
            nn.Conv1d(channels, channels, 1), nn.ReLU(inplace=True), nn.BatchNorm1d(channels)
        )
        self.chain = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(part, part, 3, padding=dilation, dilation=dilation),
                nn.ReLU(inplace=True),
                nn.BatchNorm1d(part),
            )
            for _ in range(groups - 1)
        )
        self.leave = nn.Sequential(
            nn.Conv1d(channels, channels, 1),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(channels),
            SqueezeExcite(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(self.groups, dim=1))
        for i, convolution in enumerate(self.chain):
            parts[i + 1] = convolution(parts[i + 1] + parts[i] if i else parts[1])
        return x + self.leave(torch.cat(parts, dim=1))


class AttentiveStatistics(nn.Module):
    """Attention-weighted mean and deviation over time (Okabe et al. 2018): [B, C, T] -> [B, 2C]."""

    def __init__(self, channels: int, bottleneck: int = 64) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Conv1d(channels, bottleneck, 1), nn.Tanh(), nn.Conv1d(bottleneck, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        weights = self.attention(x).softmax(dim=2)
        mean = (weights * x).sum(dim=2)
        variance = (weights * x.square()).sum(dim=2) - mean.square()
        return torch.cat([mean, variance.clamp(min=1e-6).sqrt()], dim=1)


class EcapaEncoder(nn.Module):
    """A small ECAPA-TDNN at half the frame rate: [B, 64, T] -> [B, dim]."""

    def __init__(self, dim: int = 64, channels: int = 128) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            nn.Conv1d(BANDS, channels, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(channels),
        )
        self.blocks = nn.ModuleList(Res2Block(channels, dilation) for dilation in (2, 3, 4))
        self.aggregate = nn.Sequential(nn.Conv1d(3 * channels, 2 * channels, 1), nn.ReLU(inplace=True))
        self.pool = AttentiveStatistics(2 * channels)
        self.leave = nn.Sequential(nn.BatchNorm1d(4 * channels), nn.Linear(4 * channels, dim))

    def forward(self, mel: Tensor) -> Tensor:
        x = self.enter(mel)
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return self.leave(self.pool(self.aggregate(torch.cat(outputs, dim=1))))


def make_encoder(architecture: str, dim: int, channels: int) -> nn.Module:
    """Log-mel [B, 64, T] -> [B, dim]: `wen` or `ecapa`."""
    return WenEncoder(dim) if architecture == "wen" else EcapaEncoder(dim, channels)


class VoiceModel(nn.Module):
    """Waveform [B, T] (16 kHz) -> unit embedding [B, dim]: front end and encoder together."""

    # An octave of pitch weighs as much as the whole embedding many times over: what predicts faces is found
    # by ridge regression, which would else spread the loudest cue of the face thinly over directions of the
    # embedding that a few hundred people cannot tell apart.
    pitch_per_octave = 3.0

    def __init__(
        self, architecture: str = "ecapa", normalisation: str = "level", dim: int = 64, channels: int = 128
    ) -> None:
        super().__init__()
        self.dim = dim
        self.front = LogMel(normalisation)
        self.encoder = make_encoder(architecture, dim, channels)

    def forward(self, waveform: Tensor) -> Tensor:
        return F.normalize(self.encoder(self.front(waveform)), dim=1)


class MarginClassifier(nn.Module):
    """Additive angular margin softmax, ArcFace (Deng et al. 2019): unit embeddings [B, dim], labels [B] ->
    loss, cosines [B, N]."""

    def __init__(self, dim: int, classes: int, margin: float, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, dim))
        nn.init.normal_(self.weight, std=dim**-0.5)
        self.margin, self.scale = margin, scale

    def forward(self, embedding: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        cosine = F.linear(embedding.float(), F.normalize(self.weight, dim=1))
        target = cosine.gather(1, labels[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        # Past pi - margin the cosine would rise again; a linear penalty keeps the gradient pointing inwards.
        with_margin = torch.where(
            target > -torch.cos(torch.tensor(self.margin)),
            torch.cos(target.acos() + self.margin),
            target - self.margin * torch.sin(torch.tensor(self.margin)),
        )
        logits = cosine.scatter(1, labels[:, None], with_margin) * self.scale
        return F.cross_entropy(logits, labels), cosine
