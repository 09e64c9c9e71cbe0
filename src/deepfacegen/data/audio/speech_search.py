"""Finds the speech in a recording. Where the first seconds hold too little, the search goes on to later ones
and to other tracks and channels.

One rule for the pipeline, the command line and uploads, so that all find the same speech in a file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio.decoding import Audio, decode_audio
from deepfacegen.data.audio.speech import trim
from deepfacegen.data.audio.tracks import (
    DEFAULT_CHANNEL,
    MOST_SEARCHED,
    Alternatives,
    Track,
    TrackChannel,
    alternatives_in,
)
from deepfacegen.data.files.media import SAMPLE_RATE_HZ, MediaError

# First so many times the wanted length of speech is searched; if that is not enough, so many seconds.
READ_AHEAD, LIMIT_SECONDS = 4.0, 600.0


class Recording(Protocol):
    """A recording with one or more tracks and channels."""

    def sound(self, channel: TrackChannel, seconds: float) -> np.ndarray:
        """int16 [T], 16 kHz, at most `seconds` of it. Raises MediaError."""

    def alternatives(self) -> Alternatives:
        """Further tracks and channels. Called only where the default one holds too little speech."""


@dataclass(frozen=True)
class RecordingFile:
    """A recording on disk."""

    path: Path

    def sound(self, channel: TrackChannel, seconds: float) -> np.ndarray:
        return decode_audio(self.path, max_seconds=seconds, track=channel.track, channel=channel.channel)

    def alternatives(self) -> Alternatives:
        return alternatives_in(self.path, LIMIT_SECONDS)


@dataclass(frozen=True)
class RecordingSamples:
    """Sound that is decoded already: int16 [T], 16 kHz mono."""

    samples: np.ndarray

    def sound(self, channel: TrackChannel, seconds: float) -> np.ndarray:
        return self.samples[: round(seconds * SAMPLE_RATE_HZ)]

    def alternatives(self) -> Alternatives:
        return Alternatives()


@dataclass(frozen=True)
class FoundSpeech:
    """The speech that was found, and how much of the recording was searched for it."""

    speech: np.ndarray  # int16 [T], 16 kHz, silence removed, cut as in training
    samples: int  # searched, of the channel that it comes from
    is_cut: bool  # whether the recording goes on where the search ended
    tracks: tuple[Track, ...] = ()  # if more than the default channel was searched

    def searched(self) -> str:
        """What was searched, for messages: "12.0 s of sound"."""
        place = f"{self.samples / SAMPLE_RATE_HZ:.1f} s of sound"
        if self.is_cut:
            place = f"the first {place}; what follows was not searched"
        if len(self.tracks) > 1:
            listed = enumerate(self.tracks[:MOST_SEARCHED], 1)
            names = ", ".join(f"{number} ({_described(track)})" for number, track in listed)
            place += f", nor more in any other of {len(self.tracks)} tracks: {names}"
        return place


def search(recording: Recording, config: AudioConfig, first: Audio | None = None) -> FoundSpeech:
    """The speech of the default channel if that is enough, else of the first other channel with enough, else
    the most there is.

    `first`: the default channel's first `first_seconds`, if they are decoded already. Raises MediaError
    (corrupt, no_audio) when nothing can be decoded.
    """
    least = round(config.min_speech_seconds * SAMPLE_RATE_HZ)
    best = _search_channel(recording, config, DEFAULT_CHANNEL, first)
    if len(best.speech) >= least:
        return best
    alternatives = recording.alternatives()
    for channel in alternatives.channels[:MOST_SEARCHED]:
        try:
            found = _search_channel(recording, config, channel)
        except MediaError:
            continue
        if len(found.speech) > len(best.speech):
            best = found
        if len(found.speech) >= least:
            break
    return replace(best, tracks=alternatives.tracks)


def first_seconds(config: AudioConfig) -> float:
    """How much of each recording is searched first."""
    return READ_AHEAD * config.max_speech_seconds


def _search_channel(
    recording: Recording, config: AudioConfig, channel: TrackChannel, first: Audio | None = None
) -> FoundSpeech:
    seconds = first_seconds(config)
    sound: Audio = recording.sound(channel, seconds) if first is None else first
    if isinstance(sound, MediaError):
        raise sound
    found = _speech_of(config, sound)
    enough = len(found.speech) >= round(config.min_speech_seconds * SAMPLE_RATE_HZ)
    if enough or len(sound) < round(seconds * SAMPLE_RATE_HZ) or seconds >= LIMIT_SECONDS:
        return found
    try:  # a second more shows whether the recording goes on
        return _speech_of(config, recording.sound(channel, LIMIT_SECONDS + 1.0))
    except MediaError:  # it takes too long
        return replace(found, is_cut=True)


def _speech_of(config: AudioConfig, sound: np.ndarray) -> FoundSpeech:
    most = round(max(LIMIT_SECONDS, first_seconds(config)) * SAMPLE_RATE_HZ)
    speech = trim(sound[:most], config.vad_threshold)[: round(config.max_speech_seconds * SAMPLE_RATE_HZ)]
    return FoundSpeech(speech, min(len(sound), most), len(sound) > most)


def _described(track: Track) -> str:
    layout = {1: "mono", 2: "stereo"}.get(track.channels, track.layout)
    return f"{layout}, {track.language}" if track.language else layout
