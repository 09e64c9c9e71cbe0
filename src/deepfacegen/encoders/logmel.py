"""The log-mel front end: part of every voice model, so that training and serving cannot drift apart."""

from __future__ import annotations

import torch
import torchaudio
from torch import Tensor, nn

SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = 160
BANDS = 64


class LogMel(nn.Module):
    """Waveform [B, T] (int16, or float in [-1, 1]; 16 kHz) -> log-mel [B, 64, T // 160 + 1], float32, natural
    log.

    25 ms Hamming windows every 10 ms, as Wen et al. 2019. `normalisation` says what is removed per clip:

    * `level`: the waveform is divided by its root mean square. The spectral envelope, which carries the
      length of the
      speaker's vocal tract, stays.
    * `band`: mean and deviation of each band over time (Wen et al.). It removes microphone and envelope
      alike.
    * `none`: nothing.
    """

    def __init__(self, normalisation: str = "level") -> None:
        super().__init__()
        self.normalisation = normalisation
        self.spectrogram = torchaudio.transforms.MelSpectrogram(
            sample_rate=SAMPLE_RATE_HZ,
            n_fft=512,
            win_length=400,
            hop_length=HOP_SAMPLES,
            f_min=20.0,
            f_max=7600.0,
            n_mels=BANDS,
            window_fn=torch.hamming_window,
            power=2.0,
            pad_mode="constant",
        )

    @torch.no_grad()
    def forward(self, waveform: Tensor) -> Tensor:
        if waveform.dtype == torch.int16:
            waveform = waveform.float() / 32768.0
        if self.normalisation == "level":
            rms = waveform.square().mean(dim=1, keepdim=True).sqrt()
            waveform = waveform / rms.clamp(min=1e-4)
        with torch.autocast(waveform.device.type, enabled=False):  # powers of a 16-bit signal do not fit bf16
            mel = self.spectrogram(waveform.float())
        # Floors at about -70 dB below speech level (level) and at the paper's 1e-5 otherwise.
        log = (mel + (1e-2 if self.normalisation == "level" else 1e-5)).log()
        if self.normalisation == "band":
            mean = log.mean(dim=2, keepdim=True)
            return (log - mean) / log.std(dim=2, keepdim=True).clamp(min=1e-3)
        return log
