"""A speaker encoder that others trained on thousands of speakers: GE2E (Wan et al. 2018), with the weights of
the package resemblyzer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

from deepfacegen.encoders.logmel import SAMPLE_RATE_HZ

BANDS, HOP_SAMPLES = 40, 160
PART_FRAMES, PART_STEP_FRAMES = 160, 80  # it was trained on parts of 1.6 s
LEVEL = 10 ** (-30 / 20)  # root mean square of the speech it was trained on


class Ge2eEncoder(nn.Module):
    """Three LSTM layers, the last state of the last one, a linear layer: mel [B, T, 40] -> non-negative
    vector [B, 256]."""

    def __init__(self, dim: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, dim, num_layers=3, batch_first=True)
        self.linear = nn.Linear(dim, dim)

    def forward(self, mel: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mel)
        return F.relu(self.linear(hidden[-1]))


class Ge2eModel(nn.Module):
    """Waveform [B, T] (int16 or float, 16 kHz) -> unit embedding [B, 256]: the mean direction over
    overlapping parts of 1.6 s.

    The front end is the one of its training: mel powers, Slaney's bands, not their logarithm.
    """

    # Its 256 directions vary little, and it hears pitch itself: an octave needs no extra weight to be found
    # among them.
    pitch_per_octave = 0.4

    def __init__(self) -> None:
        super().__init__()
        self.dim = 256
        self.spectrogram = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE_HZ,
            n_fft=400,
            hop_length=HOP_SAMPLES,
            n_mels=BANDS,
            norm="slaney",
            mel_scale="slaney",
            power=2.0,
        )
        self.encoder = Ge2eEncoder(self.dim)

    def forward(self, waveform: Tensor) -> Tensor:
        if waveform.dtype == torch.int16:
            waveform = waveform.float() / 32768.0
        waveform = waveform * (LEVEL / waveform.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4))
        waveform = F.pad(waveform, (0, max(0, PART_FRAMES * HOP_SAMPLES - waveform.shape[1])))
        mel = self.spectrogram(waveform).transpose(1, 2)  # [B, frames, 40]
        parts = mel.unfold(1, PART_FRAMES, PART_STEP_FRAMES).transpose(2, 3)  # [B, parts, 160, 40]
        vectors = F.normalize(self.encoder(parts.flatten(0, 1)), dim=1).view(*parts.shape[:2], -1)
        return F.normalize(vectors.mean(dim=1), dim=1)
