"""Generated faces on disk: how their files are named and written, and one recording to its faces."""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepfacegen.api.speech import ReadSpeech, read_speech
from deepfacegen.api.voice_report import ReadyGenerator, VoiceReport
from deepfacegen.data.files import file_names
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.errors import UserError


def face_files(target: Path, count: int) -> list[Path]:
    """face.png for one face; face-1.png ... face-N.png for several."""
    if count == 1:
        return [target]
    return [target.with_name(f"{target.stem}-{k}{target.suffix}") for k in range(1, count + 1)]


def fitting_name(target: Path, count: int, most_bytes: int) -> Path:
    """The target, cut where its name would be too long for the file system once `face_files` numbers it."""
    return file_names.fitting(target, most_bytes, 0 if count == 1 else len(f"-{count}"))


def check_png(target: Path) -> None:
    """Raises UserError unless the name ends in .png."""
    if target.suffix.lower() != ".png":
        raise UserError(f"{target}: a face is written as PNG; the name must end in .png")


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


def png_base64(face: Image.Image) -> str:
    """A picture as base64 of a PNG file."""
    buffer = io.BytesIO()
    face.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch, if it is loaded, computes on one CPU thread inside.

    One recording takes about 15 ms in a hundred small steps. More threads gain little, and on a busy machine
    they wait for each other at every step, up to seconds in all.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def generate_one(
    recording: Path,
    target: Path,
    load: Callable[[], ReadyGenerator],
    *,
    count: int,
    seed: int,
    read: ReadSpeech = read_speech,
) -> tuple[float, list[Path], VoiceReport | None]:
    """Generate `count` faces from one recording; returns the seconds of speech used, the files written and
    the estimates from the voice.

    `load` gives the trained system. Raises UserError for a recording that cannot be used, a target that is
    not .png, or a missing model.
    """
    check_png(target)
    speech = read(recording)
    generator = load()
    files = face_files(target, count)
    with one_thread():
        ((faces, voice),) = generator.generate([speech], count, seed)
    write_faces(files, faces)
    return len(speech) / SAMPLE_RATE_HZ, files, voice
