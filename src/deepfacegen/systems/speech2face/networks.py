"""The voice side of Speech2Face (Oh et al. 2019): complex spectrograms and the convolutional encoder, and our
head on the embedding of a voice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.systems.condition import ProjectedCondition

WINDOW_SAMPLES, HOP_SAMPLES, FFT = 400, 160, 512
BINS = FFT // 2 + 1
POWER = 0.3
KERNEL = 4
POOLED_AFTER = (2, 3, 4, 5)  # which convolutions, counted from 0, time is halved after
HALVING = (7, 8)  # which convolutions have stride 2


@dataclass(frozen=True)
class Size:
    """Widths of the nine convolutions, the stride over frequencies of the first, and the width of the first
    dense layer."""

    widths: tuple[int, ...]
    first_stride: int
    hidden: int


SIZES = {
    "published": Size((64, 64, 128, 128, 128, 256, 512, 512, 512), 1, 4096),
    "small": Size((8, 8, 16, 16, 16, 32, 64, 64, 64), 4, 256),
}


@torch.no_grad()
def complex_spectrogram(waveform: Tensor) -> Tensor:
    """Waveform [B, T] (int16, or float; 16 kHz) -> real and imaginary part of each bin, float32 [B, 2, 257,
    (T - 400) // 160 + 1].

    Hann windows of 25 ms every 10 ms, FFT of 512, and sgn(s) |s|^0.3 of both parts: 6 s give the paper's 598
    frames. A recording is first divided by its root mean square, as by the project's other front end: how
    loud it is says nothing about a face. Raises ValueError for less than a window.
    """
    if waveform.shape[1] < WINDOW_SAMPLES:
        raise ValueError(f"a spectrogram takes {WINDOW_SAMPLES} samples or more, not {waveform.shape[1]}")
    waveform = waveform.float() / 32768.0 if waveform.dtype == torch.int16 else waveform.float()
    waveform = waveform / waveform.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)
    frames = waveform.unfold(1, WINDOW_SAMPLES, HOP_SAMPLES) * torch.hann_window(
        WINDOW_SAMPLES, device=waveform.device
    )
    with torch.autocast(waveform.device.type, enabled=False):
        parts = torch.view_as_real(torch.fft.rfft(frames, FFT)).permute(0, 3, 2, 1)
    return parts.sign() * parts.abs().pow(POWER)


class VoiceNet(nn.Module):
    """Spectrogram [B, 2, 257, T] -> feature of a face [B, dim]; T >= 259 (2.6 s).

    Nine 4x4 convolutions without padding, each followed by ReLU and then batch norm, except that the last one
    is averaged over time before. Time is halved by pooling four times, the last two have stride 2. With the
    published widths, 6 s leave a map of 57 frequencies times 512, and two dense layers of 4096. The paper's
    average is over the 6 steps that 6 s leave; here it is over as many as there are, so any length will do.
    """

    def __init__(self, dim: int, size: str = "published") -> None:
        super().__init__()
        chosen = SIZES[size]
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        narrow, bins = 2, BINS
        for i, wide in enumerate(chosen.widths):
            stride = (chosen.first_stride, 1) if i == 0 else (2, 2) if i in HALVING else (1, 1)
            self.convolutions.append(nn.Conv2d(narrow, wide, KERNEL, stride))
            self.norms.append(nn.BatchNorm2d(wide))
            narrow, bins = wide, (bins - KERNEL) // stride[0] + 1
        self.dense = nn.Sequential(
            nn.Linear(narrow * bins, chosen.hidden), nn.ReLU(), nn.Linear(chosen.hidden, dim)
        )

    def maps(self, spectrogram: Tensor) -> Tensor:
        """What the convolutions leave, averaged over time: [B, C, F, 1]."""
        x = spectrogram
        last = len(self.convolutions) - 1
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = convolution(x)
            if i == last:
                x = x.mean(dim=3, keepdim=True)
            x = norm(F.relu(x))
            if i in POOLED_AFTER:
                x = F.max_pool2d(x, (1, 2))
        return x

    def forward(self, spectrogram: Tensor) -> Tensor:
        return self.dense(self.maps(spectrogram).flatten(1))


class EmbeddingNet(nn.Module):
    """Embedding of a voice [B, Y] (`encoders.speaker`) -> feature of a face [B, dim]. Ours, for few people;
    nothing of it is published.

    A network that learns from spectrograms learns a few hundred people by heart. This one begins with the few
    directions of the embedding that predict features (`training.reduced_rank`), and as the linear
    regression of features on them.
    """

    def __init__(self, voice_dim: int, directions: int, dim: int, hidden: int = 128) -> None:
        super().__init__()
        self.condition = ProjectedCondition(voice_dim, directions)
        self.straight = nn.Linear(directions, dim)
        self.bent = nn.Sequential(
            nn.Linear(directions, hidden), nn.ReLU(), nn.Linear(hidden, dim, bias=False)
        )
        nn.init.zeros_(self.bent[2].weight)  # type: ignore[arg-type]

    @torch.no_grad()
    def start_from(
        self, mean: np.ndarray, matrix: np.ndarray, feature: np.ndarray, weights: np.ndarray
    ) -> None:
        """The directions: (embedding - mean [Y]) @ matrix [Y, K]. What is predicted of them: feature [dim]
        + directions @ weights [K, dim]."""
        parts = (self.condition.mean, self.condition.matrix, self.straight.bias, self.straight.weight)
        for part, value in zip(parts, (mean, matrix, feature, weights.T), strict=True):
            part.copy_(torch.from_numpy(value))

    def forward(self, embedding: Tensor, noise: Tensor | None = None) -> Tensor:
        """`noise` [B, directions] is added to the directions, which have deviation 1 over people."""
        c = self.condition(embedding)
        if noise is not None:
            c = self.condition.perturb(c, noise)
        return self.straight(c) + self.bent(c)
