"""Recordings made on the spot, and a system that draws without a model."""

from __future__ import annotations

import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepfacegen.data.files.media import ffmpeg_path
from deepfacegen.release.generator import FromVoices

RATE_HZ = 16_000
SIZE_PX = 8


class FakeSystem:
    """Paints each face in a colour that tells which voice (its length and sum), which draw and which seed it
    was made from."""

    image_size_px, voice_dim, latent_dim = SIZE_PX, 2, 2

    def __init__(self) -> None:
        self.batches: list[int] = []

    def latents(self, n: int, seed: int) -> np.ndarray:
        return np.array([[seed % 256, k] for k in range(n)], np.float32)

    def run(self, voices: Sequence[np.ndarray], latents: np.ndarray) -> FromVoices:
        self.batches.append(len(voices))
        faces = np.zeros((len(voices), len(latents), SIZE_PX, SIZE_PX, 3), np.uint8)
        for v, voice in enumerate(voices):
            assert voice.dtype == np.int16
            assert voice.ndim == 1
            for k, latent in enumerate(latents):
                faces[v, k] = (int(np.abs(voice.astype(np.int64)).sum()) % 251, *latent)
        return FromVoices(faces, np.zeros((len(voices), self.voice_dim), np.float32), [None] * len(voices))


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate_hz)
        stream.writeframes(samples.astype("<i2").tobytes())
    return path


def convert(source: Path, target: Path, *options: str) -> Path:
    """Re-encode with the same ffmpeg that the library uses."""
    subprocess.run([ffmpeg_path(), "-v", "error", "-y", "-i", str(source), *options, str(target)], check=True)
    return target
