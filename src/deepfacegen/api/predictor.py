"""From one recording to faces on disk: listen, draw, write."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image

from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio import speech_search, tracks
from deepfacegen.data.audio.decoding import decode_audio
from deepfacegen.data.files import file_names, kinds
from deepfacegen.data.files.media import SAMPLE_RATE_HZ, MediaError
from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import FaceGenerator

# So much of a recording is searched for speech: first a little, and further only if that does not suffice, as
# in training.
SEARCHED_SECONDS = (speech_search.first_seconds(AudioConfig()), speech_search.LIMIT_SECONDS)
EXPLAINED = {"corrupt": "cannot be read as sound", "no_audio": "holds no sound"}
# How a WAV file begins whose samples are 16-bit, 16 kHz, mono, without compression.
_PLAIN_WAV = b"RIFF\0\0\0\0WAVEfmt " + struct.pack(
    "<IHHIIHH", 16, 1, 1, SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ, 2, 16
)

# path -> int16 samples, 16 kHz mono, speech only; raises UserError. A parameter of what follows so that tests
# can listen otherwise.
Listen = Callable[[Path], np.ndarray]


def decode(path: Path, max_seconds: float) -> np.ndarray:
    """The sound of a recording or video, int16 [T], 16 kHz mono, at most `max_seconds` of it: what
    `decoding.decode_audio` gives.

    A whole WAV file that is 16-bit, 16 kHz and mono already holds these very samples, and starting ffmpeg
    takes longer than all the rest of reading it. Everything else, however little it differs, goes to ffmpeg.
    (One exception: a compressed stream disguised as samples, SMPTE 337M, is taken for the noise that it looks
    like.) Raises MediaError as `decoding.decode_audio` does.
    """
    plain = _plain_wav(path, round(max_seconds * SAMPLE_RATE_HZ))
    return decode_audio(path, max_seconds=max_seconds) if plain is None else plain


def _plain_wav(path: Path, max_samples: int) -> np.ndarray | None:
    """Up to `max_samples` of a file that needs no conversion; None for any other, and for one that is not as
    its header says."""
    with path.open("rb") as stream:
        head = stream.read(len(_PLAIN_WAV) + 8)
        # The length of the whole (bytes 4 to 8) is not looked at, for ffmpeg does not either.
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


def listen(path: Path) -> np.ndarray:
    """The speech in a recording or video: int16 [T], 16 kHz mono, silence removed, cut like the training
    clips.

    Raises UserError naming the file if it is missing, cannot be decoded or holds too little speech.
    """
    try:
        found = path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise UserError(f"{path}: {error.strerror}") from None
    if not found:
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: is no file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")
    try:
        return speech_in(_File(path), str(path))
    except MediaError as error:
        if kinds.sniff(kinds.head(path)) == "photo":
            raise UserError(f"{path}: is a picture, not a recording") from None
        raise UserError(
            f"{path}: {EXPLAINED.get(error.reason, error.reason)}{f' ({error.detail})' if error.detail else ''}"
        ) from None


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
        seconds = len(found.speech) / SAMPLE_RATE_HZ
        raise UserError(
            f"{name}: {seconds:.1f} s of speech in {found.searched()}; at least {audio.min_speech_seconds} s are needed"
        )
    return found.speech


def face_files(target: Path, count: int) -> list[Path]:
    """face.png for one face; face-1.png ... face-N.png for several."""
    if count == 1:
        return [target]
    return [target.with_name(f"{target.stem}-{k}{target.suffix}") for k in range(1, count + 1)]


def write_faces(files: Sequence[Path], faces: np.ndarray) -> None:
    """uint8 [n, S, S, 3] -> n PNG files, each of which appears whole or not at all."""
    for file, face in zip(files, faces, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file_names.partial(file)
        try:
            Image.fromarray(face).save(partial, format="PNG")
            os.replace(partial, file)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            if error.errno is None:
                raise
            raise OSError(error.errno, error.strerror, os.fspath(file)) from None


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes on one thread of the CPU inside.

    One recording is some 15 ms of work in a hundred small steps. Shared between threads it gains little, and
    where other programs want
    the cores, too, the threads wait for each other at every step: up to seconds in all.
    """
    import torch  # not needed to find out that a recording holds no speech

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def draw_one(
    recording: Path,
    target: Path,
    load: Callable[[], FaceGenerator],
    *,
    count: int,
    seed: int,
    listen: Listen = listen,
) -> tuple[float, list[Path]]:
    """Draw `count` faces from one recording; returns the seconds of speech used and the files written.

    `load` gives the trained system. Raises UserError for a recording that cannot be used, a target that is no
    .png, a missing model.
    """
    if target.suffix.lower() != ".png":
        raise UserError(f"{target}: a face is written as PNG; the name must end in .png")
    speech = listen(recording)
    system = load()
    files = face_files(target, count)
    with one_thread():
        faces = system.generate([speech], count, seed)[0]
    write_faces(files, faces)
    return len(speech) / SAMPLE_RATE_HZ, files
