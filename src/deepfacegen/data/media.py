"""Media files through ffmpeg: any sound as 16 kHz mono, any video as frames. Files are foreign: nothing they name is opened."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np

from deepfacegen.errors import utf8

SAMPLE_RATE_HZ = 16_000
# Containers that are read. Playlists and lists of files (hls, concat, ...) are not among them.
CONTAINERS = "mov,mp4,m4a,3gp,matroska,webm,wav,w64,mp3,ogg,flac,aac,amr,aiff,au,caf,avi,mpeg,mpegts,asf,flv,ac3,eac3,wv,tta,ape,nistsphere"
TIMEOUT_SECONDS = 120.0
_INPUT = {"nostdin": None, "loglevel": "error", "threads": 1, "protocol_whitelist": "file,pipe", "format_whitelist": CONTAINERS}
_PCM = {"format": "s16le", "acodec": "pcm_s16le", "ac": 1, "ar": SAMPLE_RATE_HZ}
# So many short files one ffmpeg decodes: its start is then a tenth of the work.
FILES_AT_ONCE = 16


class MediaError(Exception):
    """A file that yields nothing. `reason`: corrupt, no_audio or no_video."""

    def __init__(self, path: str | Path, reason: str, detail: str = "") -> None:
        super().__init__(path, reason, detail)  # all arguments, so that it survives pickling between workers
        self.path, self.reason, self.detail = Path(path), reason, detail

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


# int16 [T], mono, 16 kHz, or why there is none.
Audio = np.ndarray | MediaError


@functools.cache
def ffmpeg_path() -> str:
    """The ffmpeg on PATH, else the one that the package imageio-ffmpeg carries."""
    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def decode_audio(path: str | Path, *, max_seconds: float | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> np.ndarray:
    """The first sound track as int16 [T], mono, 16 kHz, at most `max_seconds` of it.

    A damaged file gives what can be decoded. Raises MediaError (corrupt, no_audio) when that is nothing.
    """
    limit = {} if max_seconds is None else {"t": max_seconds}
    stream = _input(path, **limit).output("pipe:", map="0:a:0", **_PCM)
    data, errors = _run(stream, path, timeout_seconds)
    if len(data) < 2:
        raise MediaError(path, "no_audio" if _lacks(path, "audio") else "corrupt", errors)
    return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16, copy=False)


def decode_audio_files(paths: Sequence[Path], max_seconds: float, timeout_seconds: float = TIMEOUT_SECONDS) -> list[Audio]:
    """What `decode_audio` gives for each file, or the MediaError it raises; by one ffmpeg, whose start costs more than a short clip.

    Where anything at all goes wrong, each file is decoded alone, so that a bad one has no say in what the others give.
    """
    together = _decode_together(paths, max_seconds, timeout_seconds) if len(paths) > 1 else None
    return together if together is not None else [_decode_alone(path, max_seconds, timeout_seconds) for path in paths]


def _decode_together(paths: Sequence[Path], max_seconds: float, timeout_seconds: float) -> list[Audio] | None:
    """None unless every file could be decoded without a complaint."""
    with tempfile.TemporaryDirectory(prefix="deepfacegen-") as name:
        raws = [Path(name) / f"{number}.s16" for number in range(len(paths))]
        outputs = [_input(path, t=max_seconds)["a:0"].output(str(raw), **_PCM) for path, raw in zip(paths, raws, strict=True)]
        process = ffmpeg.merge_outputs(*outputs).run_async(cmd=ffmpeg_path(), pipe_stdout=True, pipe_stderr=True)
        with process:
            try:
                _, errors = process.communicate(timeout=timeout_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                return None
        if process.returncode or errors.strip():
            return None
        found = [np.fromfile(raw, dtype="<i2").astype(np.int16, copy=False) for raw in raws if raw.exists()]
    return [*found] if len(found) == len(paths) and all(len(sound) for sound in found) else None


def _decode_alone(path: Path, max_seconds: float, timeout_seconds: float) -> Audio:
    try:
        return decode_audio(path, max_seconds=max_seconds, timeout_seconds=timeout_seconds)
    except MediaError as error:
        return error


def video_frames(
    path: str | Path, fps: float, *, max_frames: int = 64, max_side_px: int = 640, timeout_seconds: float = TIMEOUT_SECONDS
) -> np.ndarray:
    """Frames at `fps`, the first in the middle of its interval: uint8 RGB [N, H, W, 3], longest side at most `max_side_px`.

    Raises MediaError (corrupt, no_video) when no frame can be decoded.
    """
    box = {"w": f"min({max_side_px},iw)", "h": f"min({max_side_px},ih)", "force_original_aspect_ratio": "decrease"}
    stream = (
        _input(path)["v:0"]
        .filter("fps", fps=fps, round="near")
        .filter("scale", flags="area", **box)
        .output("pipe:", format="image2pipe", vcodec="ppm", vframes=max_frames)
    )
    data, errors = _run(stream, path, timeout_seconds)
    header = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data)
    if header is None:
        raise MediaError(path, "no_video" if _lacks(path, "video") else "corrupt", errors)
    width, height = (int(number) for number in header.groups())
    frames = np.frombuffer(data, dtype=np.uint8)
    size = header.end() + width * height * 3
    return frames[: len(frames) // size * size].reshape(-1, size)[:, header.end() :].reshape(-1, height, width, 3)


def _input(path: str | Path, **more: Any) -> Any:
    # "file:" keeps a name such as "concat:a|b" or "-" from being read as a protocol or an option.
    return ffmpeg.input(_Name(f"file:{path}"), **_INPUT, **more)


class _Name(str):
    """A file's name that need not be UTF-8: ffmpeg-python makes a digest of its text, while ffmpeg itself gets the bytes as they are."""

    __slots__ = ()

    def __str__(self) -> str:
        return utf8("".join(self))


def _run(stream: Any, path: str | Path, timeout_seconds: float) -> tuple[bytes, str]:
    """What ffmpeg wrote, and the last line it complained. Raises MediaError when it takes too long."""
    process = stream.run_async(cmd=ffmpeg_path(), pipe_stdout=True, pipe_stderr=True)
    with process:
        try:
            data, errors = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise MediaError(path, "corrupt", f"decoding took more than {timeout_seconds:g} s") from None
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return data, lines[-1] if lines else ""


def _lacks(path: str | Path, kind: str) -> bool:
    """Whether the container can be read and has no stream of this kind."""
    try:
        with av.open(f"file:{path}", options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file,pipe"}) as container:
            return not any(stream.type == kind for stream in container.streams)
    except (av.FFmpegError, OSError, ValueError):
        return False
