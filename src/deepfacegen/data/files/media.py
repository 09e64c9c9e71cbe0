"""ffmpeg on foreign files: nothing that a file names is opened."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import ffmpeg
import imageio_ffmpeg

from deepfacegen.errors import utf8

SAMPLE_RATE_HZ = 16_000
# Containers that are read. Playlists and lists of files (hls, concat, ...) are not among them.
CONTAINERS = (
    "mov,mp4,m4a,3gp,matroska,webm,wav,w64,mp3,ogg,flac,aac,amr,aiff,au,caf,avi,mpeg,mpegts,asf,flv,ac3,eac3,"
    "wv,tta,ape,nistsphere"
)
TIMEOUT_SECONDS = 120.0
_LIMITS = {"protocol_whitelist": "file,pipe", "format_whitelist": CONTAINERS}
_INPUT = {"nostdin": None, "loglevel": "error", "threads": 1, **_LIMITS}


class MediaError(Exception):
    """A file that yields nothing. `reason`: corrupt, no_audio or no_video."""

    def __init__(self, path: str | Path, reason: str, detail: str = "") -> None:
        super().__init__(path, reason, detail)  # all arguments, so that it survives pickling between workers
        self.path, self.reason, self.detail = Path(path), reason, detail

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


@functools.cache
def ffmpeg_path() -> str:
    """The ffmpeg on PATH, else the one that the package imageio-ffmpeg carries."""
    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def source(path: str | Path, max_seconds: float | None = None, **more: Any) -> Any:
    """A file, or the beginning of it, as an input of ffmpeg's, which may open nothing else."""
    # "file:" keeps a name such as "concat:a|b" or "-" from being read as a protocol or an option.
    limit = {} if max_seconds is None else {"t": max_seconds}
    return ffmpeg.input(_Name(f"file:{path}"), **{**_INPUT, **limit, **more})


class _Name(str):
    """A file's name that need not be UTF-8: ffmpeg-python makes a digest of its text, while ffmpeg itself
    gets the bytes as they are."""

    __slots__ = ()

    def __str__(self) -> str:
        return utf8("".join(self))


def run(stream: Any, path: str | Path, timeout_seconds: float) -> tuple[bytes, list[str], int]:
    """What ffmpeg writes, the lines of its messages, and its exit status. Raises MediaError when it takes too
    long."""
    process = stream.run_async(cmd=ffmpeg_path(), pipe_stdout=True, pipe_stderr=True)
    with process:
        try:
            data, errors = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise MediaError(path, "corrupt", f"decoding took more than {timeout_seconds:g} s") from None
    return data, errors.decode("utf-8", "replace").strip().splitlines(), process.returncode


def last_error(messages: Sequence[str]) -> str:
    """The last error among messages of ffmpeg's, without places in memory, which differ at each run; "" if
    there is none."""
    errors = [line for line in messages if not re.search(r"\[(info|warning)\] ", line)]
    return re.sub(r" @ (0x)?[0-9a-f]{6,}|\[(error|fatal)\] ", "", errors[-1]) if errors else ""


def open_container(path: str | Path) -> Any:
    """A file's container by libav. Raises what PyAV raises: FFmpegError, OSError, ValueError."""
    return av.open(f"file:{path}", options=_LIMITS)


def lacks(path: str | Path, kind: str) -> bool:
    """Whether the container can be read and has no stream of this kind. A picture attached to sound is
    none."""
    cover = av.stream.Disposition.attached_pic
    try:
        with open_container(path) as container:
            streams = container.streams
            return not any(stream.type == kind and cover not in stream.disposition for stream in streams)
    except (av.FFmpegError, OSError, ValueError):
        return False
