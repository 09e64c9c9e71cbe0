"""What a recording holds beside its usual sound, the first track with all channels as one: further tracks,
and single channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfacegen.data.files import media
from deepfacegen.data.files.media import Track

# So many are worth a search at most, none of them with less power than SILENT (-70 dB).
MOST_VIEWS, SILENT = 8, 1e-7


@dataclass(frozen=True)
class View:
    """A sound track (from 0; None: the first that can be decoded) of a recording: all its channels as one, or
    a single channel."""

    track: int | None = None
    channel: int | None = None


USUAL = View()


@dataclass(frozen=True)
class Others:
    """What a recording holds beside the usual view: all its tracks, and the views that are worth a search,
    the likeliest first."""

    tracks: tuple[Track, ...] = ()
    views: tuple[View, ...] = ()


def others_in(path: Path, max_seconds: float) -> Others:
    """What a file holds beside its first track with all channels as one: further tracks, then single
    channels, the loudest first.

    How loud they are is measured over `max_seconds`.
    """
    tracks = media.tracks(path)
    views = [View(number) for number in range(1, len(tracks))]
    for number, track in enumerate(tracks):
        if track.channels < 2 or len(views) >= MOST_VIEWS:
            continue
        powers = media.levels([path], max_seconds, track=number)[0]
        views += [
            View(number, int(channel))
            for channel in np.argsort(-powers, kind="stable")
            if powers[channel] > SILENT
        ]
    return Others(tuple(tracks), tuple(views[:MOST_VIEWS]))
