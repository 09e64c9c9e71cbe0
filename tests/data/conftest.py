"""A few real media files for the tests of the data stages: synthetic speech and portraits, written by ffmpeg
and OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2
import ffmpeg
import numpy as np
import pytest

from deepfacegen.config.schema import SampleConfig
from deepfacegen.data.files.media import ffmpeg_path
from deepfacegen.synthetic.people import Person, from_row, sample_people
from deepfacegen.synthetic.portrait import render_portrait
from deepfacegen.synthetic.voice import compose_text, speak


@pytest.fixture(scope="session")
def people() -> list[Person]:
    return [from_row(row) for _, row in sample_people(SampleConfig(identities=12)).iterrows()]


@pytest.fixture(scope="session")
def speech(people: list[Person]) -> np.ndarray:
    """About 4 s of somebody speaking: int16, 16 kHz."""
    rng = np.random.default_rng(1)
    return speak(people[0], compose_text(rng, people[0], 4.0), rng)


@pytest.fixture(scope="session")
def portrait(people: list[Person]) -> np.ndarray:
    """A photo of somebody: uint8 RGB [224, 224, 3]."""
    return render_portrait(people[0], np.random.default_rng(2), 224)


def write_sound(path: Path, wave: np.ndarray, rate_hz: int = 16_000, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = ffmpeg.input("pipe:", format="s16le", ar=rate_hz, ac=1)
    source.output(str(path), loglevel="error", **options).run(
        cmd=ffmpeg_path(), input=wave.astype("<i2").tobytes(), overwrite_output=True
    )
    return path


def write_film(path: Path, frames: np.ndarray, sound: Path | None = None, fps: int = 5) -> Path:
    """Frames uint8 [N, H, W, 3] as mp4, with the sound of another file if given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{frames.shape[2]}x{frames.shape[1]}", r=fps
    )
    streams = [source] if sound is None else [source, ffmpeg.input(str(sound)).audio]
    out = ffmpeg.output(*streams, str(path), loglevel="error", vcodec="libx264", pix_fmt="yuv420p", crf=18)
    out.run(cmd=ffmpeg_path(), input=frames.tobytes(), overwrite_output=True)
    return path


def write_photo(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture(scope="session")
def write() -> dict[str, object]:
    """The writers, for test files, which cannot import one another."""
    return {"sound": write_sound, "film": write_film, "photo": write_photo}
