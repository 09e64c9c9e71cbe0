"""The speech in one recording: decoded, silence removed, cut like the clips of training."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deepfacegen.api import files
from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio import speech_search, tracks
from deepfacegen.data.audio.decoding import decode_audio
from deepfacegen.data.files import kinds
from deepfacegen.data.files.media import SAMPLE_RATE_HZ, MediaError
from deepfacegen.errors import UserError

# A recording is searched for speech in steps, as in training: further only if the first step is too little.
SEARCHED_SECONDS = (speech_search.first_seconds(AudioConfig()), speech_search.LIMIT_SECONDS)
EXPLAINED = {"corrupt": "cannot be read as sound", "no_audio": "holds no sound"}
# The start of a WAV file of 16-bit samples at 16 kHz, mono, without compression.
_PLAIN_WAV = b"RIFF\0\0\0\0WAVEfmt " + struct.pack(
    "<IHHIIHH", 16, 1, 1, SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ, 2, 16
)

# path -> int16 [T], 16 kHz mono, speech only; raises UserError. Tests pass their own.
ReadSpeech = Callable[[Path], np.ndarray]


def decode(path: Path, max_seconds: float) -> np.ndarray:
    """The sound of a recording or video, int16 [T], 16 kHz mono, at most `max_seconds` of it.

    The same as `decoding.decode_audio`, without starting ffmpeg for a WAV file that holds these very samples
    (exception: a compressed stream inside PCM, SMPTE 337M, is read as the noise that it looks like). Raises
    MediaError as `decoding.decode_audio` does.
    """
    plain = _plain_wav(path, round(max_seconds * SAMPLE_RATE_HZ))
    return decode_audio(path, max_seconds=max_seconds) if plain is None else plain


def _plain_wav(path: Path, max_samples: int) -> np.ndarray | None:
    """Up to `max_samples` of a file that needs no conversion; None for others, or if its header is wrong."""
    with path.open("rb") as stream:
        head = stream.read(len(_PLAIN_WAV) + 8)
        # The length of the whole (bytes 4 to 8) is ignored, as by ffmpeg.
        if head[:4] + head[8:-8] != _PLAIN_WAV[:4] + _PLAIN_WAV[8:]:
            return None
        kind, size = struct.unpack("<4sI", head[-8:])
        if kind == b"LIST":  # title, name of the program and the like, which ffmpeg itself writes
            stream.seek(size + size % 2, os.SEEK_CUR)
            head = stream.read(8)
            kind, size = struct.unpack("<4sI", head) if len(head) == 8 else (b"", 0)
        wanted = min(size, 2 * max_samples)
        if kind != b"data" or size == 0 or size % 2 or path.stat().st_size - stream.tell() < size:
            return None
        data = stream.read(wanted)
    return np.frombuffer(data, dtype="<i2").astype(np.int16) if len(data) == wanted else None


def read_speech(path: Path) -> np.ndarray:
    """The speech in a recording or video: int16 [T], 16 kHz mono, silence removed, cut like training clips.

    Raises UserError naming the file if it is missing, cannot be decoded or holds too little speech.
    """
    files.check(path)
    try:
        return speech_in(_File(path), str(path))
    except MediaError as error:
        if kinds.sniff(kinds.head(path)) == "photo":
            raise UserError(f"{path}: is a picture, not a recording") from None
        raise files.undecodable(path, error, EXPLAINED) from None


class _File(speech_search.RecordingFile):
    def sound(self, channel: tracks.TrackChannel, seconds: float) -> np.ndarray:
        return (
            decode(self.path, seconds)
            if channel == tracks.DEFAULT_CHANNEL
            else super().sound(channel, seconds)
        )


def speech_in(recording: speech_search.Recording, name: str) -> np.ndarray:
    """The speech in a recording: int16 [T], 16 kHz mono, silence removed, cut as in training.

    Raises UserError, which begins with `name`, if it is too little, and what the recording raises.
    """
    audio = AudioConfig()
    found = speech_search.search(recording, audio)
    if len(found.speech) < audio.min_speech_seconds * SAMPLE_RATE_HZ:
        seconds, least = len(found.speech) / SAMPLE_RATE_HZ, audio.min_speech_seconds
        raise UserError(
            f"{name}: {seconds:.1f} s of speech in {found.searched()}; at least {least} s are needed"
        )
    return found.speech
