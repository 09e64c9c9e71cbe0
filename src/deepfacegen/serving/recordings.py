"""Recordings as the Python API takes them: a path, bytes, or samples."""

from __future__ import annotations

from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from deepfacegen.config import AudioConfig
from deepfacegen.data import listening, mixing
from deepfacegen.data.media import SAMPLE_RATE_HZ
from deepfacegen.errors import UserError
from deepfacegen.serving import predictor, uploads

Speech = str | Path | bytes | np.ndarray
MIN_SECONDS = AudioConfig().min_speech_seconds
RATES_HZ = (4_000, 384_000)
BYTES = "the recording"  # what bytes are called in messages


def listen(speech: Speech, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """A path, the bytes of a file, or samples [T] or [T, channels] -> int16 [T], 16 kHz mono, speech only.

    Raises UserError when it cannot be decoded or holds too little speech.
    """
    if isinstance(speech, np.ndarray):
        return _of_samples(speech, sample_rate_hz)
    if isinstance(speech, (bytes, bytearray, memoryview)):
        return uploads.checked(bytes(speech), name=BYTES)
    return predictor.listen(Path(speech))


def enough(speech: np.ndarray) -> np.ndarray:
    """int16 [T] -> at most 10 s of it. Raises UserError when there is less than 1.5 s."""
    audio = AudioConfig()
    if len(speech) < audio.min_speech_seconds * SAMPLE_RATE_HZ:
        heard = len(speech) / SAMPLE_RATE_HZ
        raise UserError(f"speech: {heard:.1f} s of speech; at least {audio.min_speech_seconds} s are needed")
    return speech[: int(audio.max_speech_seconds * SAMPLE_RATE_HZ)]


def _of_samples(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    if not RATES_HZ[0] <= sample_rate_hz <= RATES_HZ[1]:
        raise UserError(f"sample_rate_hz: must lie between {RATES_HZ[0]} and {RATES_HZ[1]}, not {sample_rate_hz}")
    if samples.ndim not in (1, 2) or samples.size == 0 or samples.dtype.kind not in "iuf":
        raise UserError(f"speech: samples must be numbers [T] or [T, channels], not {samples.dtype} {list(samples.shape)}")
    # What is longer is not searched, as of files.
    sound = samples[: int((predictor.SEARCHED_SECONDS[-1] + 1.0) * sample_rate_hz)]
    sound = _between_one(sound)
    if not np.isfinite(sound).all():
        raise UserError("speech: holds numbers that are not finite")
    sound = _as_one(sound) if sound.ndim == 2 else sound
    if sample_rate_hz != SAMPLE_RATE_HZ:
        shared = gcd(SAMPLE_RATE_HZ, int(sample_rate_hz))
        sound = resample_poly(sound, SAMPLE_RATE_HZ // shared, int(sample_rate_hz) // shared)
    whole = np.clip(np.round(sound * 32768), -32768, 32767).astype(np.int16)
    return predictor.speech_in(listening.Samples(whole), "speech")


def _as_one(samples: np.ndarray) -> np.ndarray:
    """Channels [T, channels] in [-1, 1] -> their mean [T], or the loudest one where they cancel, as of files."""
    mean = samples.mean(axis=1)
    loudest = mixing.loudest_channel(np.square(samples).mean(axis=0), float(np.square(mean).mean()))
    return mean if loudest is None else samples[:, loudest]


def _between_one(samples: np.ndarray) -> np.ndarray:
    """Samples of any kind -> float64 in [-1, 1]; unsigned ones have their zero in the middle."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float64)
    limits = np.iinfo(samples.dtype)
    half = (float(limits.max) - float(limits.min) + 1) / 2
    return (samples.astype(np.float64) - (half if samples.dtype.kind == "u" else 0.0)) / half
