"""The pitch of a voice: the one cue of a face that a small speaker encoder does not learn to hear from few
people."""

from __future__ import annotations

import torch
from torch import Tensor

from deepfacegen.encoders.logmel import SAMPLE_RATE_HZ

LOW_HZ, HIGH_HZ = 60.0, 400.0
REFERENCE_HZ = 150.0
FRAME_SAMPLES, HOP_SAMPLES = 640, 320
# A long lag must beat a short one by so much per octave, else every period would lose to its double.
OCTAVE_COST = 0.05
VOICED = 0.6
LOUD = 0.1


@torch.no_grad()
def median_pitch(waveform: Tensor) -> Tensor:
    """Median fundamental frequency of the voiced frames, in octaves above 150 Hz: [B, T] (int16 or float, 16
    kHz) -> float32 [B].

    Each 40 ms frame has the lag of its highest normalised cross-correlation (Talkin 1995, without the dynamic
    programming: the median forgives single wrong frames). Voiced frames correlate above 0.6 and have a tenth
    of the clip's mean power. A clip without any, silence among them, has 0.
    """
    if waveform.dtype == torch.int16:
        waveform = waveform.float() / 32768.0
    if waveform.shape[1] < FRAME_SAMPLES:
        waveform = torch.nn.functional.pad(waveform, (0, FRAME_SAMPLES - waveform.shape[1]))
    waveform = waveform.float()
    waveform = waveform / waveform.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)
    frames = waveform.unfold(1, FRAME_SAMPLES, HOP_SAMPLES)
    frames = frames - frames.mean(dim=2, keepdim=True)
    lags = torch.arange(
        int(SAMPLE_RATE_HZ / HIGH_HZ), int(SAMPLE_RATE_HZ / LOW_HZ) + 1, device=waveform.device
    )
    correlation = _normalised_correlation(frames, lags)
    cost = OCTAVE_COST * torch.log2(lags / lags[0])
    best = (correlation - cost).argmax(dim=2, keepdim=True)
    voiced = (correlation.gather(2, best).squeeze(2) > VOICED) & (frames.square().mean(dim=2) > LOUD)
    octaves = torch.log2(SAMPLE_RATE_HZ / REFERENCE_HZ / lags[best.squeeze(2)].float())
    median = octaves.masked_fill(~voiced, float("nan")).nanmedian(dim=1).values
    return median.nan_to_num(0.0)


def _normalised_correlation(frames: Tensor, lags: Tensor) -> Tensor:
    """Correlation of each frame [B, F, N] with itself `lags` [L] later, over the samples that overlap: [B, F,
    L] in [-1, 1]."""
    n = frames.shape[2]
    size = 1 << (n + int(lags[-1])).bit_length()
    with torch.autocast(frames.device.type, enabled=False):
        power = torch.view_as_real(torch.fft.rfft(frames, size)).square().sum(dim=-1)  # abs takes longer
        products = torch.fft.irfft(power, size)[..., lags]
    energy = frames.square().cumsum(dim=2)
    head, tail = energy[..., n - 1 - lags], energy[..., -1:] - energy[..., lags - 1]
    return products / (head * tail).clamp(min=1e-6).sqrt()
