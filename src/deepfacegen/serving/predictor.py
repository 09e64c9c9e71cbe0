"""From one recording to faces on disk: listen, draw, write."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from deepfacegen.config import AudioConfig
from deepfacegen.data.media import SAMPLE_RATE_HZ, MediaError, decode_audio
from deepfacegen.data.speech import trim
from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import Drawer

# So much of a recording is searched for speech: first a little, as in training, and further only if that does not suffice.
SEARCHED_SECONDS = (40.0, 600.0)
EXPLAINED = {"corrupt": "cannot be read as sound", "no_audio": "holds no sound"}

# path -> int16 samples, 16 kHz mono, speech only; raises UserError. A parameter of what follows so that tests can listen otherwise.
Listen = Callable[[Path], np.ndarray]


def listen(path: Path) -> np.ndarray:
    """The speech in a recording or video: int16 [T], 16 kHz mono, silence removed, cut like the training clips.

    Raises UserError naming the file if it is missing, cannot be decoded or holds too little speech.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: is no file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")
    audio = AudioConfig()
    sound = speech = np.empty(0, np.int16)
    for seconds in SEARCHED_SECONDS:
        try:
            sound = decode_audio(path, max_seconds=seconds)
        except MediaError as error:
            raise UserError(f"{path}: {EXPLAINED.get(error.reason, error.reason)}{f' ({error.detail})' if error.detail else ''}") from None
        speech = trim(sound, audio.vad_threshold)[: int(audio.max_speech_seconds * SAMPLE_RATE_HZ)]
        if len(speech) >= audio.min_speech_seconds * SAMPLE_RATE_HZ:
            return speech
        if len(sound) < seconds * SAMPLE_RATE_HZ:
            break
    heard, total = len(speech) / SAMPLE_RATE_HZ, len(sound) / SAMPLE_RATE_HZ
    raise UserError(f"{path}: {heard:.1f} s of speech in {total:.1f} s of sound; at least {audio.min_speech_seconds} s are needed")


def face_files(target: Path, count: int) -> list[Path]:
    """face.png for one face; face-1.png ... face-N.png for several."""
    if count == 1:
        return [target]
    return [target.with_name(f"{target.stem}-{k}{target.suffix}") for k in range(1, count + 1)]


def write_faces(files: Sequence[Path], faces: np.ndarray) -> None:
    """uint8 [n, S, S, 3] -> n PNG files, each of which appears whole or not at all."""
    for file, face in zip(files, faces, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.partial")
        Image.fromarray(face).save(partial, format="PNG")
        os.replace(partial, file)


def draw_one(
    recording: Path, target: Path, load: Callable[[], Drawer], *, count: int, seed: int, listen: Listen = listen
) -> tuple[float, list[Path]]:
    """Draw `count` faces from one recording; returns the seconds of speech used and the files written.

    `load` gives the trained system. Raises UserError for a recording that cannot be used, a target that is no .png, a missing model.
    """
    if target.suffix.lower() != ".png":
        raise UserError(f"{target}: a face is written as PNG; the name must end in .png")
    speech = listen(recording)
    system = load()
    files = face_files(target, count)
    write_faces(files, system.generate([speech], count, seed)[0])
    return len(speech) / SAMPLE_RATE_HZ, files
