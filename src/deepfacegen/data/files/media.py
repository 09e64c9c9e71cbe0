"""Media files through ffmpeg: any sound as 16 kHz mono. Files are foreign: nothing they name is opened."""

from __future__ import annotations

import functools
import itertools
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np

from deepfacegen.data.audio import mixing
from deepfacegen.errors import utf8

SAMPLE_RATE_HZ = 16_000
# Containers that are read. Playlists and lists of files (hls, concat, ...) are not among them.
CONTAINERS = "mov,mp4,m4a,3gp,matroska,webm,wav,w64,mp3,ogg,flac,aac,amr,aiff,au,caf,avi,mpeg,mpegts,asf,flv,ac3,eac3,wv,tta,ape,nistsphere"
TIMEOUT_SECONDS = 120.0
_INPUT = {
    "nostdin": None,
    "loglevel": "error",
    "threads": 1,
    "protocol_whitelist": "file,pipe",
    "format_whitelist": CONTAINERS,
}
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


@dataclass(frozen=True)
class Track:
    """A sound track as its container lists it."""

    channels: int  # 0 if the format is unknown
    layout: str  # "mono", "stereo", "5.1", "9 channels", "unknown format"
    language: str  # as in the file; "" if it is not said


@functools.cache
def ffmpeg_path() -> str:
    """The ffmpeg on PATH, else the one that the package imageio-ffmpeg carries."""
    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def decode_audio(
    path: str | Path,
    *,
    max_seconds: float | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    track: int | None = None,
    channel: int | None = None,
) -> np.ndarray:
    """A sound track (None: the first that can be decoded) as int16 [T], mono, 16 kHz, at most `max_seconds`
    of it: one channel, or (None) the mean of all as ffmpeg weighs them.

    Where that mean cancels what the channels hold, or their layout is unknown, so that there is none, it is
    the loudest channel. A damaged file gives what can be decoded. Raises MediaError (corrupt, no_audio) when
    that is nothing.
    """
    if track is None:
        return _first_track(path, max_seconds, timeout_seconds, channel)
    data, errors = _sound(path, max_seconds, timeout_seconds, track, channel)
    if channel is None and mixing.is_quiet(_samples(data)):
        loudest = _instead_of_mean([path], [_samples(data)], max_seconds, timeout_seconds, track)[0]
        if loudest is not None:
            data, errors = _sound(path, max_seconds, timeout_seconds, track, loudest)
    if len(data) < 2:
        raise MediaError(path, "no_audio") if lacks(path, "audio") else MediaError(path, "corrupt", errors)
    return _samples(data)


def tracks(path: str | Path) -> list[Track]:
    """The sound tracks of a file in its order; none if it cannot be read."""
    try:
        with _opened(path) as container:
            return [_track(stream) for stream in container.streams.audio]
    except (av.FFmpegError, OSError, ValueError):
        return []


def _track(stream: Any) -> Track:
    named = stream.language or "und"
    language = (
        named if named != "und" and named.isascii() and named.isalnum() and len(named) <= 8 else ""
    )  # foreign text, which is shown
    codec = stream.codec_context  # None for a format that libav does not know
    return (
        Track(codec.channels, codec.layout.name, language)
        if codec is not None
        else Track(0, "unknown format", language)
    )


def levels(
    paths: Sequence[str | Path],
    max_seconds: float | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    track: int = 0,
) -> list[np.ndarray]:
    """Power of each channel of a track of each file, by one ffmpeg, relative to full scale, between 0 and 1:
    float64 [C].

    Empty, for all, if one of them cannot be read, or not in time.
    """
    measured = [
        source(path, max_seconds, loglevel="level+info")[f"a:{track}"]
        .filter(f"astats@f{number}", measure_perchannel="RMS_level", measure_overall="none")
        .output("pipe:", format="null")
        for number, path in enumerate(paths)
    ]
    try:
        _, said = run_lines(ffmpeg.merge_outputs(*measured), paths[0], timeout_seconds)
    except MediaError:
        said = []
    found: list[list[float]] = [[] for _ in paths]
    for line in said:
        if one := re.match(r"\[astats@f(\d+) @ \w+\] \[info\] RMS level dB: (\S+)", line):
            found[int(one[1])].append(10.0 ** (float(one[2]) / 10.0))  # "-inf" is 0
    return [np.array(powers) for powers in found]


def decode_audio_files(
    paths: Sequence[Path], max_seconds: float, timeout_seconds: float = TIMEOUT_SECONDS
) -> Sequence[Audio]:
    """What `decode_audio` gives for each file, or the MediaError it raises; by one ffmpeg, whose start costs
    more than a short clip.

    Where anything at all goes wrong, each file is decoded alone, so that a bad one has no say in what the
    others give.
    """
    together = _decode_together(paths, max_seconds, timeout_seconds) if len(paths) > 1 else None
    if together is None:
        return [_decode_alone(path, max_seconds, timeout_seconds) for path in paths]
    quiet = [number for number, sound in enumerate(together) if mixing.is_quiet(sound)]
    loudest = _instead_of_mean(
        [paths[number] for number in quiet],
        [together[number] for number in quiet],
        max_seconds,
        timeout_seconds,
    )
    for number, channel in zip(quiet, loudest, strict=True):
        if channel is not None:
            together[number] = _decode_alone(paths[number], max_seconds, timeout_seconds)
    return together


def _decode_together(paths: Sequence[Path], max_seconds: float, timeout_seconds: float) -> list[Any] | None:
    """Samples int16 [T] of each; None unless every file could be decoded without a complaint."""
    with tempfile.TemporaryDirectory(prefix="deepfacegen-") as name:
        raws = [Path(name) / f"{number}.s16" for number in range(len(paths))]
        outputs = [
            source(path, max_seconds)["a:0"].output(str(raw), **_PCM)
            for path, raw in zip(paths, raws, strict=True)
        ]
        process = ffmpeg.merge_outputs(*outputs).run_async(
            cmd=ffmpeg_path(), pipe_stdout=True, pipe_stderr=True
        )
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


def _sound(
    path: str | Path, max_seconds: float | None, timeout_seconds: float, track: int, channel: int | None
) -> tuple[bytes, str]:
    stream = source(path, max_seconds)[f"a:{track}"]
    if channel is not None:
        stream = stream.filter("channelmap", map=channel, channel_layout="mono")
    return run(stream.output("pipe:", **_PCM), path, timeout_seconds)


def _first_track(
    path: str | Path, max_seconds: float | None, timeout_seconds: float, channel: int | None
) -> np.ndarray:
    """Of the first track that can be decoded: some devices write one more, in a format that few programs
    know."""
    failed, end = None, time.monotonic() + timeout_seconds
    for number in itertools.count():
        left = max(0.0, end - time.monotonic()) if number else timeout_seconds
        try:
            return decode_audio(
                path, max_seconds=max_seconds, timeout_seconds=left, track=number, channel=channel
            )
        except MediaError as error:
            failed = failed or error
            if number + 1 >= len(tracks(path)) or time.monotonic() >= end:
                break
    assert failed is not None
    raise failed


def _samples(data: bytes) -> np.ndarray:
    return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16, copy=False)


def _instead_of_mean(
    paths: Sequence[str | Path],
    means: Sequence[np.ndarray],
    max_seconds: float | None,
    timeout_seconds: float,
    track: int = 0,
) -> list[int | None]:
    """For each quiet or empty mean of a track, int16 [T]: the channel to be used in its place, None if the
    mean is what there is."""
    found: list[int | None] = [None] * len(paths)
    listed = [tracks(path) for path in paths]
    doubtful = [
        number for number, known in enumerate(listed) if track < len(known) and known[track].channels > 1
    ]
    if doubtful:
        powers = levels([paths[number] for number in doubtful], max_seconds, timeout_seconds, track)
        for number, channels in zip(doubtful, powers, strict=True):
            mean = means[number] / 32768.0
            found[number] = mixing.loudest_channel(
                channels, float(np.square(mean).mean()) if len(mean) else -1.0
            )
    return found


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


def run(stream: Any, path: str | Path, timeout_seconds: float) -> tuple[bytes, str]:
    """What ffmpeg wrote, and the last line it complained. Raises MediaError when it takes too long."""
    data, lines = run_lines(stream, path, timeout_seconds)
    return data, complaint(lines)


def complaint(lines: Sequence[str]) -> str:
    """The last error among lines of ffmpeg's, without places in memory, which differ at each run; "" if there
    is none."""
    errors = [line for line in lines if not re.search(r"\[(info|warning)\] ", line)]
    return re.sub(r" @ (0x)?[0-9a-f]{6,}|\[(error|fatal)\] ", "", errors[-1]) if errors else ""


def run_lines(stream: Any, path: str | Path, timeout_seconds: float) -> tuple[bytes, list[str]]:
    """What ffmpeg wrote, and all the lines it said. Raises MediaError when it takes too long."""
    process = stream.run_async(cmd=ffmpeg_path(), pipe_stdout=True, pipe_stderr=True)
    with process:
        try:
            data, errors = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise MediaError(path, "corrupt", f"decoding took more than {timeout_seconds:g} s") from None
    return data, errors.decode("utf-8", "replace").strip().splitlines()


def _opened(path: str | Path) -> Any:
    return av.open(
        f"file:{path}", options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file,pipe"}
    )


def lacks(path: str | Path, kind: str) -> bool:
    """Whether the container can be read and has no stream of this kind. A picture attached to sound is
    none."""
    try:
        with _opened(path) as container:
            cover = av.stream.Disposition.attached_pic
            return not any(
                stream.type == kind and cover not in stream.disposition for stream in container.streams
            )
    except (av.FFmpegError, OSError, ValueError):
        return False
