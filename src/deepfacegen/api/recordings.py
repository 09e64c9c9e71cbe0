"""Recordings as the Python API takes them: a path, bytes, or samples of any library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from deepfacegen.api import speech as speech_files
from deepfacegen.api import uploads, values
from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio import decoding, speech_search
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.errors import UserError

# Any is for arrays of other libraries (torch, array.array, pandas): whatever numpy.asarray takes.
Speech = str | os.PathLike[str] | bytes | bytearray | memoryview | np.ndarray | Sequence[Any] | Any
MIN_SECONDS = AudioConfig().min_speech_seconds
RATES_HZ = (4_000, 384_000)
BYTES = "the recording"  # the name of bytes in messages
WANTED = "[T] or [T, channels], integers or floats in [-1, 1]"
MOST_CHANNELS = 64  # more channels are a picture or a spectrogram
# Floats may overshoot full scale by 12 dB, as of files. From 256 on they are taken for steps of 16, 24 or 32
# bits. In between neither is likely.
LOUDEST, FAINTEST_STEPS = 4.0, 256.0
BITS = (16, 24, 32)


def decode(speech: Speech, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
    """A path, the bytes of a file, or samples [T], [T, channels] or [channels, T] -> int16 [T], 16 kHz mono,
    speech only.

    Raises UserError when it is none of these, cannot be decoded or holds too little speech.
    """
    given = parse(speech)
    if isinstance(given, bytes):
        return uploads.checked(given, name=BYTES)
    return speech_files.read_speech(given) if isinstance(given, Path) else _of_samples(given, sample_rate_hz)


def parse(speech: Speech) -> Path | bytes | np.ndarray:
    """A path, the bytes of a file, or samples as of `values.array`. Raises UserError for anything else."""
    if isinstance(speech, (str, os.PathLike)):
        path = os.fspath(speech)
        if not isinstance(path, str) or not path or "\0" in path:
            raise UserError(f"speech: {values.abbreviated(speech)} is not a file name")
        return Path(path)
    if isinstance(speech, (bytes, bytearray)) or (isinstance(speech, memoryview) and speech.itemsize == 1):
        return bytes(speech)
    if speech is None or hasattr(speech, "read") or isinstance(speech, (dict, set)):
        kind = type(speech).__name__
        raise UserError(f"speech: must be a path, the bytes of a sound file, or samples, not {kind}")
    return values.array("speech", speech, WANTED)


def within_limits(speech: np.ndarray) -> np.ndarray:
    """int16 [T] -> at most 10 s of it. Raises UserError when there is less than 1.5 s."""
    audio = AudioConfig()
    if len(speech) < audio.min_speech_seconds * SAMPLE_RATE_HZ:
        seconds = len(speech) / SAMPLE_RATE_HZ
        raise UserError(
            f"speech: {seconds:.1f} s of speech; at least {audio.min_speech_seconds} s are needed"
        )
    return speech[: int(audio.max_speech_seconds * SAMPLE_RATE_HZ)]


def _of_samples(samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    rate = values.whole("sample_rate_hz", sample_rate_hz, *RATES_HZ)
    sound = samples.reshape([size for size in samples.shape if size != 1])
    if sound.ndim not in (1, 2) or sound.size == 0 or (sound.ndim == 2 and min(sound.shape) > MOST_CHANNELS):
        found = f"{samples.dtype} {list(samples.shape)}"
        raise UserError(f"speech: samples must be numbers, {WANTED}, not {found}")
    if sound.ndim == 2 and sound.shape[0] < sound.shape[1]:  # [channels, T], as PyTorch has it
        sound = sound.T
    # As of files, only so much is searched.
    sound = _between_one(sound[: int((speech_files.SEARCHED_SECONDS[-1] + 1.0) * rate)])
    sound = _as_one(sound) if sound.ndim == 2 else sound
    if rate != SAMPLE_RATE_HZ:
        from scipy.signal import resample_poly  # takes as long to import as everything else here

        shared = gcd(SAMPLE_RATE_HZ, rate)
        sound = resample_poly(sound, SAMPLE_RATE_HZ // shared, rate // shared)
    whole = np.clip(np.round(sound * 32768), -32768, 32767).astype(np.int16)
    return speech_files.speech_in(speech_search.RecordingSamples(whole), "speech")


def _as_one(samples: np.ndarray) -> np.ndarray:
    """Channels [T, channels] in [-1, 1] -> their mean [T], or the loudest where they cancel, as of files."""
    mean = samples.mean(axis=1)
    loudest = decoding.loudest_channel(np.square(samples).mean(axis=0), float(np.square(mean).mean()))
    return mean if loudest is None else samples[:, loudest]


def _between_one(samples: np.ndarray) -> np.ndarray:
    """Samples of any kind -> float64, full scale at -1 and 1; unsigned ones have their zero in the middle.

    Integers of 8 and 16 bits fill their type. Wider ones and floats beyond full scale are taken for 16, 24 or
    32 bits, the least that hold them.
    """
    kind, bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    sound = samples.astype(np.float64) - (2.0 ** (bits - 1) if kind == "u" else 0.0)
    low, high = float(sound.min()), float(sound.max())
    peak = max(-low, high)
    if 0 <= low < high and kind != "u":
        raise UserError(
            f"speech: its samples lie between {low:g} and {high:g}, but sound swings around zero; "
            "give integers or floats in [-1, 1]"
        )
    if kind == "f" and peak <= LOUDEST:
        return sound
    if kind == "f" or bits > BITS[0]:
        bits = next((few for few in BITS if peak <= 2.0 ** (few - 1)), 0) if kind != "u" else bits
        if not bits or (kind == "f" and peak < FAINTEST_STEPS):
            raise UserError(
                f"speech: its samples lie between {low:g} and {high:g}; "
                "give floats in [-1, 1], or integers of 16, 24 or 32 bits"
            )
    return np.asarray(sound / 2.0 ** (bits - 1))
