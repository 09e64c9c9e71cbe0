"""Any sound as int16, 16 kHz, mono.

Channels are mixed to their mean, but for those that cancel when they are mixed: speech on a wire that is
connected the wrong way round is lost in the mean of both.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import ffmpeg
import numpy as np

from deepfacegen.data.audio import tracks
from deepfacegen.data.files import media
from deepfacegen.data.files.media import SAMPLE_RATE_HZ, TIMEOUT_SECONDS, MediaError

_PCM = {"format": "s16le", "acodec": "pcm_s16le", "ac": 1, "ar": SAMPLE_RATE_HZ}
# So many short files one ffmpeg decodes: its start is then a tenth of the work.
FILES_AT_ONCE = 16
# Channels cancel where their mean holds less than so much of their power (times two by their number:
# unrelated channels keep one part in so many). Their powers are compared only where the mean is below QUIET
# of full scale (-40 dB): louder ones are hardly what is left.
CANCELLED, QUIET = 0.01, 0.01

# int16 [T], mono, 16 kHz, or why there is none.
Audio = np.ndarray | MediaError


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
    sound, error = _sound(path, max_seconds, timeout_seconds, track, channel)
    if channel is None and _is_quiet(sound):
        loudest = _instead_of_mean([path], [sound], max_seconds, timeout_seconds, track)[0]
        if loudest is not None:
            sound, error = _sound(path, max_seconds, timeout_seconds, track, loudest)
    if not len(sound):
        raise (
            MediaError(path, "no_audio") if media.lacks(path, "audio") else MediaError(path, "corrupt", error)
        )
    return sound


def decode_audio_files(
    paths: Sequence[Path], max_seconds: float, timeout_seconds: float = TIMEOUT_SECONDS
) -> Sequence[Audio]:
    """What `decode_audio` gives for each file, or the MediaError it raises; by one ffmpeg, whose start costs
    more than a short clip.

    Where anything at all goes wrong, each file is decoded alone, so that a bad one does not change the
    others.
    """
    together = _decode_together(paths, max_seconds, timeout_seconds) if len(paths) > 1 else None
    if together is None:
        return [_decode_alone(path, max_seconds, timeout_seconds) for path in paths]
    sounds: list[Audio] = [*together]
    quiet = [number for number, sound in enumerate(together) if _is_quiet(sound)]
    loudest = _instead_of_mean(
        [paths[number] for number in quiet],
        [together[number] for number in quiet],
        max_seconds,
        timeout_seconds,
    )
    for number, channel in zip(quiet, loudest, strict=True):
        if channel is not None:
            sounds[number] = _decode_alone(paths[number], max_seconds, timeout_seconds)
    return sounds


def loudest_channel(powers: np.ndarray, mean_power: float) -> int | None:
    """The loudest of channels of powers [C] whose mean has so little power that they must cancel; None if
    they do not."""
    if len(powers) < 2 or mean_power >= CANCELLED * 2.0 / len(powers) * powers.mean():
        return None
    return int(powers.argmax())


def _is_quiet(sound: np.ndarray) -> bool:
    """Whether int16 [T] is so quiet that it may be what is left of channels that cancel."""
    power = float(np.square(sound, dtype=np.float32).mean()) if len(sound) else 0.0
    return power < (QUIET * 32768.0) ** 2


def _decode_together(
    paths: Sequence[Path], max_seconds: float, timeout_seconds: float
) -> list[np.ndarray] | None:
    """Samples int16 [T] of each; None unless every file could be decoded without an error."""
    with tempfile.TemporaryDirectory(prefix="deepfacegen-") as name:
        raws = [Path(name) / f"{number}.s16" for number in range(len(paths))]
        outputs = [
            media.source(path, max_seconds)["a:0"].output(str(raw), **_PCM)
            for path, raw in zip(paths, raws, strict=True)
        ]
        try:
            _, messages, status = media.run(ffmpeg.merge_outputs(*outputs), paths[0], timeout_seconds)
        except MediaError:
            return None
        if status or messages:
            return None
        sounds = [_samples(raw.read_bytes()) for raw in raws if raw.exists()]
    return sounds if len(sounds) == len(paths) and all(map(len, sounds)) else None


def _decode_alone(path: Path, max_seconds: float, timeout_seconds: float) -> Audio:
    try:
        return decode_audio(path, max_seconds=max_seconds, timeout_seconds=timeout_seconds)
    except MediaError as error:
        return error


def _sound(
    path: str | Path, max_seconds: float | None, timeout_seconds: float, track: int, channel: int | None
) -> tuple[np.ndarray, str]:
    """Samples int16 [T] and ffmpeg's last error."""
    stream = media.source(path, max_seconds)[f"a:{track}"]
    if channel is not None:
        stream = stream.filter("channelmap", map=channel, channel_layout="mono")
    data, messages, _ = media.run(stream.output("pipe:", **_PCM), path, timeout_seconds)
    return _samples(data), media.last_error(messages)


def _first_track(
    path: str | Path, max_seconds: float | None, timeout_seconds: float, channel: int | None
) -> np.ndarray:
    """Of the first track that can be decoded: some devices write one more, in a format that few programs
    know."""
    first_error, end = None, time.monotonic() + timeout_seconds
    for track in itertools.count():
        left = max(0.0, end - time.monotonic()) if track else timeout_seconds
        try:
            return decode_audio(
                path, max_seconds=max_seconds, timeout_seconds=left, track=track, channel=channel
            )
        except MediaError as error:
            first_error = first_error or error
            if track + 1 >= len(tracks.tracks(path)) or time.monotonic() >= end:
                raise first_error from None
    raise AssertionError


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
    chosen: list[int | None] = [None] * len(paths)
    listed = [tracks.tracks(path) for path in paths]
    doubtful = [k for k, known in enumerate(listed) if track < len(known) and known[track].channels > 1]
    if doubtful:
        powers = tracks.levels([paths[k] for k in doubtful], max_seconds, timeout_seconds, track)
        for k, channels in zip(doubtful, powers, strict=True):
            mean = means[k] / 32768.0
            chosen[k] = loudest_channel(channels, float(np.square(mean).mean()) if len(mean) else -1.0)
    return chosen
