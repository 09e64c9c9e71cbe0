"""The sound tracks of a file and their channels. By default the first track is used, with all its channels
mixed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import ffmpeg
import numpy as np

from deepfacegen.data.files import media

# So many tracks and channels are searched at most, none with less power than SILENT (-70 dB).
MOST_SEARCHED, SILENT = 8, 1e-7


@dataclass(frozen=True)
class Track:
    """A sound track as its container lists it."""

    channels: int  # 0 if the format is unknown
    layout: str  # "mono", "stereo", "5.1", "9 channels", "unknown format"
    language: str  # as in the file; "" if it has none


@dataclass(frozen=True)
class TrackChannel:
    """A sound track (from 0; None: the first that can be decoded), and one channel of it (None: all,
    mixed)."""

    track: int | None = None
    channel: int | None = None


DEFAULT_CHANNEL = TrackChannel()


@dataclass(frozen=True)
class Alternatives:
    """All tracks of a recording, and which tracks and channels to search after the default, likeliest
    first."""

    tracks: tuple[Track, ...] = ()
    channels: tuple[TrackChannel, ...] = ()


def tracks(path: str | Path) -> list[Track]:
    """The sound tracks of a file in its order; none if it cannot be read."""
    try:
        with media.open_container(path) as container:
            # There is no codec for a format that libav does not know.
            described = [
                (stream.language or "und", stream.codec_context) for stream in container.streams.audio
            ]
            return [
                Track(codec.channels, codec.layout.name, _safe(language))
                if codec is not None
                else Track(0, "unknown format", _safe(language))
                for language, codec in described
            ]
    except (av.FFmpegError, OSError, ValueError):
        return []


def _safe(language: str) -> str:
    """Foreign text, which goes into messages."""
    return language if re.fullmatch("[0-9A-Za-z]{1,8}", language) and language != "und" else ""


def levels(
    paths: Sequence[str | Path],
    max_seconds: float | None = None,
    timeout_seconds: float = media.TIMEOUT_SECONDS,
    track: int = 0,
) -> list[np.ndarray]:
    """Power of each channel of a track of each file, by one ffmpeg, relative to full scale, between 0 and 1:
    float64 [C].

    Empty, for all, if one of them cannot be read, or not in time.
    """
    measured = [
        media.source(path, max_seconds, loglevel="level+info")[f"a:{track}"]
        .filter(f"astats@f{number}", measure_perchannel="RMS_level", measure_overall="none")
        .output("pipe:", format="null")
        for number, path in enumerate(paths)
    ]
    found: list[list[float]] = [[] for _ in paths]
    try:
        _, messages, _ = media.run(ffmpeg.merge_outputs(*measured), paths[0], timeout_seconds)
    except media.MediaError:
        messages = []
    for line in messages:
        if one := re.match(r"\[astats@f(\d+) @ \w+\] \[info\] RMS level dB: (\S+)", line):
            found[int(one[1])].append(10.0 ** (float(one[2]) / 10.0))  # "-inf" is 0
    return [np.array(powers) for powers in found]


def alternatives_in(path: Path, max_seconds: float) -> Alternatives:
    """Further tracks of a file, then single channels, the loudest first, measured over `max_seconds`."""
    listed = tracks(path)
    channels = [TrackChannel(number) for number in range(1, len(listed))]
    for number, track in enumerate(listed):
        if track.channels > 1 and len(channels) < MOST_SEARCHED:
            powers = levels([path], max_seconds, track=number)[0]
            order = np.argsort(-powers, kind="stable").tolist()
            channels += [TrackChannel(number, channel) for channel in order if powers[channel] > SILENT]
    return Alternatives(tuple(listed), tuple(channels[:MOST_SEARCHED]))
