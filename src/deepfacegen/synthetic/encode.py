"""Sound, films and photos of sample people as files: the same input gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import ffmpeg
import numpy as np
from PIL import Image

from deepfacegen.data.files.media import ffmpeg_path
from deepfacegen.errors import UserError
from deepfacegen.synthetic.people import Person
from deepfacegen.synthetic.portrait import render_photo, sample_photo
from deepfacegen.synthetic.voice import SAMPLE_RATE_HZ

JPEG_QUALITY = 92
VIDEO_FPS = 25
VIDEO_PX = 224
_EXACT: dict[str, Any] = {"map_metadata": -1, "fflags": "+bitexact", "flags": "bitexact", "threads": 1}


def talking_head(person: Person, sound: np.ndarray, rng: np.random.Generator) -> Iterator[bytes]:
    """Frames of a slightly swaying head whose mouth follows the loudness, raw RGB, 25 to the second of
    `sound`."""
    photo = replace(sample_photo(rng), mouth_open=0.0, smile=0.2, blink=0.05)
    shares = (0.0, 0.2, 0.4, 0.65, 0.9)
    levels = [render_photo(person, replace(photo, mouth_open=share), VIDEO_PX) for share in shares]
    blink = render_photo(person, replace(photo, blink=0.9), VIDEO_PX)
    per_frame = SAMPLE_RATE_HZ // VIDEO_FPS
    count = len(sound) // per_frame
    framed = sound[: count * per_frame].reshape(count, per_frame).astype(np.float64)
    loudness = np.sqrt(np.mean(framed**2, axis=1))
    opening = np.clip(loudness / (np.quantile(loudness, 0.95) + 1e-9), 0, 1) * (len(levels) - 1)
    phase = rng.uniform(0, 2 * np.pi, 3)
    for k in range(count):
        frame = blink if k % 80 in (40, 41, 42) else levels[round(opening[k])]
        seconds = k / VIDEO_FPS
        sway = np.sin(phase + seconds * np.array([2.1, 1.6, 1.3]))
        move = cv2.getRotationMatrix2D((VIDEO_PX / 2, VIDEO_PX / 2), 1.5 * sway[0], 1.0)
        move[:, 2] = move[:, 2] + 2.5 * sway[1:]
        yield cv2.warpAffine(frame, move, (VIDEO_PX, VIDEO_PX), borderMode=cv2.BORDER_REPLICATE).tobytes()


def write_m4a(clips: list[np.ndarray], paths: list[Path]) -> None:
    """Encode several clips (int16, 16 kHz) with one ffmpeg process: they go in as one stream and are cut
    apart by sample number."""
    ends = np.cumsum([len(clip) for clip in clips])
    stream = ffmpeg.input("pipe:", format="s16le", ar=SAMPLE_RATE_HZ, ac=1)
    parts = stream.filter_multi_output("asplit", len(clips))
    outputs = []
    for k, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = (
            parts[k]
            .filter("atrim", start_sample=int(ends[k] - len(clips[k])), end_sample=int(ends[k]))
            .filter("asetpts", "PTS-STARTPTS")
        )
        outputs.append(part.output(str(path), acodec="aac", audio_bitrate="64k", aac_coder="fast", **_EXACT))
    _run(ffmpeg.merge_outputs(*outputs), np.concatenate(clips).tobytes())


def write_mp4(frames: Iterable[bytes], sound: Path | None, path: Path) -> None:
    """Frames (raw RGB) and, if given, the sound of an m4a. mpeg4, because every ffmpeg build can write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = f"{VIDEO_PX}x{VIDEO_PX}"
    streams = [ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=size, r=VIDEO_FPS)]
    options: dict[str, Any] = {"vcodec": "mpeg4", "qscale:v": 3, "pix_fmt": "yuv420p", **_EXACT}
    if sound is not None:
        streams.append(ffmpeg.input(str(sound)).audio)
        options["acodec"] = "copy"
    _run(ffmpeg.output(*streams, str(path), **options), b"".join(frames))


def _run(output: Any, data: bytes) -> None:
    try:
        output.global_args("-nostdin", "-loglevel", "error").run(
            cmd=ffmpeg_path(), input=data, quiet=True, overwrite_output=True
        )
    except ffmpeg.Error as error:
        last = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        reason = " ".join(last)
        raise UserError(f"ffmpeg ({ffmpeg_path()}) cannot write the sample people: {reason}") from None


def write_jpg(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    path.write_bytes(buffer.getvalue())


def truncate(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
