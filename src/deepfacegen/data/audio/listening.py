"""Who speaks where in a recording: read on, and in other tracks and channels, where its beginning does not
hold enough speech.
 One rule for the pipeline, the command line and what is sent to a server, so that all give the same speech of
 a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio.speech import trim
from deepfacegen.data.audio.tracks import MOST_VIEWS, USUAL, Others, View, others_in
from deepfacegen.data.files import media
from deepfacegen.data.files.media import SAMPLE_RATE_HZ, Audio, MediaError, Track

# First so many times the speech that is wanted is searched; if that does not suffice, so many seconds, and no
# further.
READ_AHEAD, LIMIT_SECONDS = 4.0, 600.0


class Recording(Protocol):
    """A recording of which any view can be had."""

    def sound(self, view: View, seconds: float) -> np.ndarray:
        """int16 [T], 16 kHz, at most `seconds` of it. Raises MediaError."""

    def others(self) -> Others:
        """What else there is. Called only where the usual view holds too little speech."""


@dataclass(frozen=True)
class Heard:
    """The most speech that was found, and how much of the recording was searched for it."""

    speech: np.ndarray  # int16 [T], 16 kHz, silence removed, cut as in training
    samples: int  # searched, of the view that it comes from
    cut: bool  # whether the recording goes on where the search ended
    tracks: tuple[Track, ...] = field(default=())  # if more than the usual view was searched

    def where(self) -> str:
        """What was searched, in words: "12.0 s of sound"."""
        seconds = f"{self.samples / SAMPLE_RATE_HZ:.1f} s"
        place = (
            f"the first {seconds} of sound; what follows was not searched"
            if self.cut
            else f"{seconds} of sound"
        )
        if len(self.tracks) > 1:
            said = ", ".join(
                f"{number} ({_described(track)})" for number, track in enumerate(self.tracks[:MOST_VIEWS], 1)
            )
            place += f", nor more in any other of {len(self.tracks)} tracks: {said}"
        return place


@dataclass(frozen=True)
class File:
    """A recording on disk."""

    path: Path

    def sound(self, view: View, seconds: float) -> np.ndarray:
        """As Recording has it."""
        return media.decode_audio(self.path, max_seconds=seconds, track=view.track, channel=view.channel)

    def others(self) -> Others:
        """As Recording has it."""
        return others_in(self.path, LIMIT_SECONDS)


@dataclass(frozen=True)
class Samples:
    """Sound that is decoded already: int16 [T], 16 kHz mono."""

    samples: np.ndarray

    def sound(self, view: View, seconds: float) -> np.ndarray:
        """As Recording has it, whatever the view."""
        return self.samples[: round(seconds * SAMPLE_RATE_HZ)]

    def others(self) -> Others:
        """Nothing else is known of it."""
        return Others()


def search(recording: Recording, config: AudioConfig, begun: Audio | None = None) -> Heard:
    """The speech in a recording: of the usual view if that has enough, else of the first other one that has,
    else the most there is.

    `begun` is what the usual view holds of the seconds that are searched first, where the caller has it
    already. Raises MediaError (corrupt, no_audio) when nothing can be decoded.
    """
    least = round(config.min_speech_seconds * SAMPLE_RATE_HZ)
    heard = _along(recording, config, USUAL, begun)
    if len(heard.speech) >= least:
        return heard
    others = recording.others()
    for view in others.views[:MOST_VIEWS]:
        try:
            found = _along(recording, config, view)
        except MediaError:
            continue
        if len(found.speech) > len(heard.speech):
            heard = found
        if len(found.speech) >= least:
            break
    return replace(heard, tracks=others.tracks)


def _along(recording: Recording, config: AudioConfig, view: View, begun: Audio | None = None) -> Heard:
    """What one view holds."""
    least = round(config.min_speech_seconds * SAMPLE_RATE_HZ)
    sound: Audio = recording.sound(view, first_seconds(config)) if begun is None else begun
    if isinstance(sound, MediaError):
        raise sound
    heard = _of(config, sound)
    if (
        len(heard.speech) < least
        and len(sound) >= round(first_seconds(config) * SAMPLE_RATE_HZ)
        and first_seconds(config) < LIMIT_SECONDS
    ):
        try:
            heard = _of(
                config, recording.sound(view, LIMIT_SECONDS + 1.0)
            )  # a second more shows whether there is more
        except MediaError:  # it takes too long
            return replace(heard, cut=True)
    return heard


def _of(config: AudioConfig, sound: np.ndarray) -> Heard:
    most = round(max(LIMIT_SECONDS, first_seconds(config)) * SAMPLE_RATE_HZ)
    speech = trim(sound[:most], config.vad_threshold)[: round(config.max_speech_seconds * SAMPLE_RATE_HZ)]
    return Heard(speech, min(len(sound), most), len(sound) > most)


def first_seconds(config: AudioConfig) -> float:
    """So much of each recording is searched first."""
    return READ_AHEAD * config.max_speech_seconds


def _described(track: Track) -> str:
    layout = {1: "mono", 2: "stereo"}.get(track.channels, track.layout)
    return f"{layout}, {track.language}" if track.language else layout
