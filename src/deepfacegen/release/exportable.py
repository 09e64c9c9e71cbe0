"""Speech to face as one network of plain operations for torch.export and ONNX: no FFT, no data-dependent
shapes.

It computes the same as `encoders.speaker` and `systems.cgan.generate`, with the weights of a trained system.
Spectra are products with the matrix of the Fourier transform, as convolutions over the waveform.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.encoders.ge2e import LEVEL, PART_FRAMES, PART_STEP_FRAMES, Ge2eModel
from deepfacegen.encoders.pitch import (
    FRAME_SAMPLES,
    HIGH_HZ,
    HOP_SAMPLES,
    LOUD,
    LOW_HZ,
    OCTAVE_COST,
    REFERENCE_HZ,
    VOICED,
)
from deepfacegen.encoders.speaker import WINDOW_SECONDS, WINDOWS, pool
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.cgan.generate import Cgan
from deepfacegen.systems.cgan.paper_networks import WenGenerator

WINDOW_SAMPLES = int(WINDOW_SECONDS * SAMPLE_RATE_HZ)


def _angles(size: int, samples: Tensor) -> Tensor:
    """Angles of a Fourier transform of `size` samples, at samples [M]: float64 [size / 2 + 1, M]."""
    return 2 * math.pi / size * torch.outer(torch.arange(size // 2 + 1), samples).double()


class Windows(nn.Module):
    """Speech [1, T] -> evenly spaced windows [WINDOWS, 48000]; shorter speech is repeated to fill one."""

    def __init__(self) -> None:
        super().__init__()
        # Double precision, truncated: the same samples as `data.batches.windows`.
        self.register_buffer("places", torch.linspace(0.0, 1.0, WINDOWS, dtype=torch.float64)[:, None])
        self.register_buffer("within", torch.arange(WINDOW_SAMPLES)[None])

    def forward(self, speech: Tensor) -> Tensor:
        length = torch.scalar_tensor(speech.shape[1], dtype=torch.int64)
        starts = ((length - WINDOW_SAMPLES).clamp(min=0).double() * self.get_buffer("places")).to(torch.int64)
        return speech[0][torch.remainder(starts + self.get_buffer("within"), length)]


class Spectrogram(nn.Module):
    """Waveform [B, T] -> mel powers [B, bands, frames] of a torchaudio MelSpectrogram with centred frames."""

    def __init__(self, original: Any) -> None:
        super().__init__()
        made = original.spectrogram
        self.size, self.hop, self.pad_mode = made.n_fft, made.hop_length, made.pad_mode
        left = (made.n_fft - made.win_length) // 2
        window = F.pad(made.window.double(), (left, made.n_fft - made.win_length - left))
        angle = _angles(made.n_fft, torch.arange(made.n_fft))
        basis = torch.cat([angle.cos() * window, angle.sin() * window]).float()
        self.register_buffer("basis", basis[:, None])
        self.register_buffer("bands", original.mel_scale.fb.T.contiguous())

    def forward(self, waveform: Tensor) -> Tensor:
        half = self.size // 2
        padded = F.pad(waveform[:, None], (half, half), mode=self.pad_mode)
        real, imaginary = F.conv1d(padded, self.get_buffer("basis"), stride=self.hop).chunk(2, dim=1)
        return self.get_buffer("bands") @ (real.square() + imaginary.square())


class Pitch(nn.Module):
    """`encoders.pitch.median_pitch`: waveform [B, T] in [-1, 1], T >= 640 -> octaves above 150 Hz [B]."""

    def __init__(self) -> None:
        super().__init__()
        lags = torch.arange(int(SAMPLE_RATE_HZ / HIGH_HZ), int(SAMPLE_RATE_HZ / LOW_HZ) + 1)
        size = 1 << (FRAME_SAMPLES + int(lags[-1])).bit_length()
        angle = _angles(size, torch.arange(FRAME_SAMPLES))
        # All frequencies but the first and the last occur twice.
        twice = torch.full((size // 2 + 1, 1), 2.0 / size, dtype=torch.float64)
        twice[0] = twice[-1] = 1.0 / size
        back = _angles(size, lags).cos() * twice
        self.register_buffer("basis", torch.cat([angle.cos(), angle.sin()]).T.float().contiguous())
        self.register_buffer("back", back.float())
        self.register_buffer("within", torch.arange(FRAME_SAMPLES))
        self.register_buffer("head", FRAME_SAMPLES - 1 - lags)
        self.register_buffer("tail", lags - 1)
        self.register_buffer("cost", OCTAVE_COST * torch.log2(lags / lags[0]))
        self.register_buffer("octaves", torch.log2(SAMPLE_RATE_HZ / REFERENCE_HZ / lags.float()))

    def forward(self, waveform: Tensor) -> Tensor:
        waveform = waveform / waveform.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)
        # Not `unfold`, which ONNX has for a fixed length only.
        starts = HOP_SAMPLES * torch.arange((waveform.shape[1] - FRAME_SAMPLES) // HOP_SAMPLES + 1)
        frames = waveform[:, starts[:, None] + self.get_buffer("within")]
        frames = frames - frames.mean(dim=2, keepdim=True)
        real, imaginary = (frames @ self.get_buffer("basis")).chunk(2, dim=2)
        products = (real.square() + imaginary.square()) @ self.get_buffer("back")
        energy = frames.square().cumsum(dim=2)
        head, tail = (
            energy[..., self.get_buffer("head")],
            energy[..., -1:] - energy[..., self.get_buffer("tail")],
        )
        correlation = products / (head * tail).clamp(min=1e-6).sqrt()
        best = (correlation - self.get_buffer("cost")).argmax(dim=2, keepdim=True)
        voiced = (correlation.gather(2, best).squeeze(2) > VOICED) & (frames.square().mean(dim=2) > LOUD)
        octaves = self.get_buffer("octaves")[best.squeeze(2)]
        # The lower median of the voiced frames: unvoiced ones are sorted behind all others.
        ordered = octaves.masked_fill(~voiced, 1e3).sort(dim=1).values
        count = voiced.sum(dim=1, keepdim=True)
        median = ordered.gather(1, ((count - 1) // 2).clamp(min=0))
        return torch.where(count > 0, median, torch.zeros_like(median)).squeeze(1)


class Embedding(nn.Module):
    """The voice model: waveform [B, T] in [-1, 1] -> unit embedding [B, dim]."""

    def __init__(self, model: VoiceModel | Ge2eModel) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.pretrained = isinstance(model, Ge2eModel)
        self.normalisation = "" if isinstance(model, Ge2eModel) else model.front.normalisation
        self.spectrogram = Spectrogram(
            model.spectrogram if isinstance(model, Ge2eModel) else model.front.spectrogram
        )

    def forward(self, waveform: Tensor) -> Tensor:
        rms = waveform.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4)
        if self.pretrained:
            mel = self.spectrogram(waveform * (LEVEL / rms)).transpose(1, 2)
            parts = mel.unfold(1, PART_FRAMES, PART_STEP_FRAMES).transpose(2, 3)
            vectors = F.normalize(self.encoder(parts.flatten(0, 1)), dim=1).view(WINDOWS, parts.shape[1], -1)
            return F.normalize(vectors.mean(dim=1), dim=1)
        level = self.normalisation == "level"
        log = (self.spectrogram(waveform / rms if level else waveform) + (1e-2 if level else 1e-5)).log()
        if self.normalisation == "band":
            log = (log - log.mean(dim=2, keepdim=True)) / log.std(dim=2, keepdim=True).clamp(min=1e-3)
        return F.normalize(self.encoder(log), dim=1)


class SpeechToFace(nn.Module):
    """int16 speech [1, T] (16 kHz mono, silence removed) and standard normal latents [N, Z] ->

    `faces` uint8 [N, S, S, 3] (RGB), `pixels` float32 [N, 3, S, S] in [-1, 1] before rounding, `voice`
    float32 [1, Y], the embedding that the readouts of `release.traits` take, and `pitch_hz` float32 [1], the
    median, 0 where nothing is voiced.
    """

    def __init__(self, system: Cgan) -> None:
        super().__init__()
        self.windows, self.pitch, self.embedding = Windows(), Pitch(), Embedding(system.encoder.model)
        self.pitch_per_octave = system.encoder.model.pitch_per_octave
        self.condition, self.generator = system.condition, system.generator
        self.generator_inputs = system.generator_inputs

    def forward(self, speech: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        waveform = self.windows(speech).float() / 32768.0
        windows = torch.cat(
            [self.embedding(waveform), self.pitch_per_octave * self.pitch(waveform)[:, None]], dim=1
        )
        voice = pool(windows)[None]
        condition = self.condition(voice).expand(noise.shape[0], -1)
        y, z = self.generator_inputs(condition, noise)
        pixels = self.face(y, z).float().clamp(-1, 1)
        faces = ((pixels + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
        octaves = self.pitch(speech.float() / 32768.0)
        pitch_hz = torch.where(octaves != 0, REFERENCE_HZ * torch.exp2(octaves), torch.zeros_like(octaves))
        return faces, pixels, voice, pitch_hz

    def face(self, condition: Tensor, z: Tensor) -> Tensor:
        if isinstance(self.generator, WenGenerator):  # its own forward pass calls CPU libraries
            return self.generator.activation.forward(self.generator.layers(condition[:, :, None, None]))
        return self.generator(condition, z)
