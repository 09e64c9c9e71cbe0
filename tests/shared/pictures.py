"""Photos and films of sample people made on the spot, and a system that compares by brightness and
loudness."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import ffmpeg
import numpy as np

from deepfacegen.config.schema import SampleConfig
from deepfacegen.data.files.media import ffmpeg_path
from deepfacegen.synthetic.people import from_row, sample_people
from deepfacegen.synthetic.portrait import render_portrait


def portrait(person: int, seed: int = 0) -> np.ndarray:
    """uint8 RGB [224, 224, 3]."""
    people = sample_people(SampleConfig(identities=12))
    return render_portrait(from_row(people.iloc[person]), np.random.default_rng(seed), 224)


def write_photo(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


def write_film(path: Path, frames: np.ndarray, fps: int = 5) -> Path:
    """Frames uint8 [N, H, W, 3] as a silent mp4."""
    size = f"{frames.shape[2]}x{frames.shape[1]}"
    source = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=size, r=fps)
    out = source.output(str(path), loglevel="error", vcodec="libx264", pix_fmt="yuv420p", crf=12)
    out.run(cmd=ffmpeg_path(), input=frames.tobytes(), overwrite_output=True)
    return path


def light(face: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(face.astype(np.float64) * factor, 0, 255).astype(np.uint8)


class Brightness:
    """Loud voices go with bright faces: the score is minus the difference between loudness and brightness,
    both about 0 to 1."""

    def __init__(self, threshold: float | None = None) -> None:
        self.batches: list[tuple[int, int]] = []
        if threshold is not None:
            self.threshold = threshold

    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        self.batches.append((len(voices), len(faces)))
        assert faces.dtype == np.uint8
        assert faces.shape[1:] == (128, 128, 3)
        loud = np.array([np.abs(voice.astype(np.float64)).max() / 32768 for voice in voices])
        bright = faces.mean(axis=(1, 2, 3)) / 255
        return -np.abs(loud[:, None] - bright[None]).astype(np.float32)
