"""The speaking face in a film: detections of successive frames linked into tracks, of which the one that
fills most of the film is kept.

A passer-by is a track of its own, so no frame with only a passer-by is taken for the speaker, even where the
speaker is turned away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deepfacegen.data.faces.hints import iou

# Two detections are one face when they overlap by so much, or when their centres lie within so many heights
# (of the lower one) and neither is so many times as high: at a frame a second, heads move by more than they
# overlap.
LEAST_OVERLAP, MOST_SHIFT, MOST_GROWTH = 0.3, 0.6, 1.8
MOST_MISSED = 3  # frames after which a face that comes back begins a new track


@dataclass
class _Track:
    box: np.ndarray
    last: int
    places: dict[int, int] = field(default_factory=dict)  # frame -> which of its detections
    weight: float = 0.0


def speaker(
    boxes: Sequence[np.ndarray], scores: Sequence[np.ndarray], width_px: int, height_px: int
) -> list[int | None]:
    """Boxes [N_i, 4] (x, y, width, height) and scores [N_i] of each frame -> which detection is the
    speaker's, None where there is none.

    A detection weighs its score times its height relative to the frame, less when it is off the centre; the
    heaviest track is kept.
    """
    tracks: list[_Track] = []
    for frame, (found, certain) in enumerate(zip(boxes, scores, strict=True)):
        for track, place in _linked([track for track in tracks if frame - track.last <= MOST_MISSED], found):
            track.box, track.last, track.places[frame] = found[place], frame, place
        taken = {track.places[frame] for track in tracks if track.last == frame}
        free = (place for place in range(len(found)) if place not in taken)
        tracks += [_Track(found[place], frame, {frame: place}) for place in free]
        for track in tracks:
            if track.last == frame:
                score = float(certain[track.places[frame]])
                track.weight += score * _prominence(track.box, width_px, height_px)
    if not tracks:
        return [None] * len(boxes)
    best = max(tracks, key=lambda track: track.weight)  # of equals the first
    return [best.places.get(frame) for frame in range(len(boxes))]


def best(sharpness: np.ndarray, yaw_ratio: np.ndarray, height_px: np.ndarray, count: int) -> np.ndarray:
    """The `count` frames of the best mean rank in sharpness, frontality and size, in the order of the film;
    of equals the earlier."""
    if len(sharpness) <= count:
        return np.arange(len(sharpness))
    ranks = sum(
        np.argsort(np.argsort(-quality, kind="stable"), kind="stable")
        for quality in (sharpness, -yaw_ratio, height_px)
    )
    return np.sort(np.argsort(ranks, kind="stable")[:count])


def _linked(tracks: list[_Track], found: np.ndarray) -> list[tuple[_Track, int]]:
    """Pairs of tracks and detections, the nearest first, each at most once."""
    if not tracks or not len(found):
        return []
    old = np.stack([track.box for track in tracks])
    overlap = iou(old, found)
    centres = old[:, None, :2] + old[:, None, 2:] / 2, found[None, :, :2] + found[None, :, 2:] / 2
    shift = np.linalg.norm(centres[0] - centres[1], axis=-1)
    heights = np.maximum(old[:, None, 3], 1.0), np.maximum(found[None, :, 3], 1.0)
    growth = np.maximum(heights[0] / heights[1], heights[1] / heights[0])
    near = (shift <= MOST_SHIFT * np.minimum(*heights)) & (growth <= MOST_GROWTH)
    near |= overlap >= LEAST_OVERLAP
    pairs = sorted((-overlap[a, b], shift[a, b], a, b) for a, b in zip(*np.nonzero(near), strict=True))
    linked: list[tuple[_Track, int]] = []
    left, right = set(), set()
    for *_, a, b in pairs:
        if a not in left and b not in right:
            left.add(a)
            right.add(b)
            linked.append((tracks[a], int(b)))
    return linked


def _prominence(box: np.ndarray, width_px: int, height_px: int) -> float:
    """The height of a face relative to its frame, halved at the edges."""
    off = np.abs((box[:2] + box[2:] / 2) / (width_px, height_px) - 0.5).max()
    return float(box[3] / height_px * (1.0 - min(1.0, off)))
