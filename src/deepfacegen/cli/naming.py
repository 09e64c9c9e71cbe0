"""Faces of a video or photo, followed from picture to picture, and named by the voices they fit best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from deepfacegen.api import photos
from deepfacegen.api.predictor import one_thread
from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces.align import align, yaw_ratio
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.files import films, kinds, media
from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import VoiceFaceMatcher

SAME_PLACE = 0.3  # intersection over union of the boxes of a face in two frames
SAME_SCENE, SCENE_PX = (
    0.5,
    32,
)  # correlation of two frames, grey and shrunk; below it there was a cut, and a place says nothing any more
EXPLAINED = {"corrupt": "cannot be read as a video", "no_video": "holds no pictures"}


@dataclass(frozen=True)
class Seen:
    """A face in a picture: which picture, where (x, y, width, height), and aligned, uint8 [S, S, 3]."""

    picture: int
    box_px: np.ndarray
    pixels: np.ndarray


@dataclass
class Track:
    """Faces that are taken for one person's: the same place, from picture to picture of a scene."""

    faces: list[Seen] = field(default_factory=list)


@dataclass(frozen=True)
class Named:
    """A track with its name (None: unknown) and the mean score of its faces with each voice."""

    track: Track
    name: str | None
    scores: dict[str, float]


def look(source: Path) -> tuple[np.ndarray, float | None]:
    """The pictures of a video, uint8 RGB [N, H, W, 3], and how many there are per second; of a photo the one,
    and None. Raises UserError."""
    if not source.exists():
        raise UserError(f"{source}: no such file")
    if not source.is_file():
        raise UserError(f"{source}: is no file")
    if source.stat().st_size == 0:
        raise UserError(f"{source}: the file is empty")
    kind = kinds.kind_of_one(source)
    if kind == "photo":
        return photos.read(source)[None], None
    if not kind:
        raise UserError(
            f"{source}: {kinds.UNREAD.get(kinds.unread(kinds.head(source)), 'is neither a picture nor a film')}"
        )
    fps = FacesConfig().video_fps
    try:
        return films.video_frames(source, fps), fps
    except media.MediaError as error:
        raise UserError(
            f"{source}: {EXPLAINED.get(error.reason, error.reason)}{f' ({error.detail})' if error.detail else ''}"
        ) from None


def follow(pictures: np.ndarray, detector: Detector) -> list[Track]:
    """uint8 RGB [N, H, W, 3] -> tracks, in the order of their first faces, from left to right.

    A face goes on the track whose last face, one picture before, shares most of its place; a cut ends all
    tracks.
    """
    tracks: list[Track] = []
    open_tracks: list[Track] = []
    scene = np.stack(
        [
            cv2.resize(
                cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), (SCENE_PX, SCENE_PX), interpolation=cv2.INTER_AREA
            )
            for p in pictures
        ]
    )
    for number, picture in enumerate(pictures):
        faces = faces_in(picture, detector, number)
        if number and not _same_scene(scene[number - 1], scene[number]):
            open_tracks = []
        chosen: dict[int, Track] = {}
        if faces and open_tracks:
            overlap = _overlap(
                np.stack([f.box_px for f in faces]), np.stack([t.faces[-1].box_px for t in open_tracks])
            )
            while overlap.size and overlap.max() >= SAME_PLACE:
                face, track = (int(i) for i in np.unravel_index(overlap.argmax(), overlap.shape))
                chosen[face] = open_tracks[track]
                overlap[face], overlap[:, track] = -1.0, -1.0
        for i, face_seen in enumerate(faces):
            if i not in chosen:
                chosen[i] = Track()
                tracks.append(chosen[i])
            chosen[i].faces.append(face_seen)
        open_tracks = list(chosen.values())
    return tracks


def faces_in(picture: np.ndarray, detector: Detector, number: int = 0) -> list[Seen]:
    """All usable faces of a picture, uint8 RGB [H, W, 3], from left to right; which are usable is as for
    training photos."""
    config, found = FacesConfig(), detector.detect(picture)
    usable = (found.scores >= config.min_score) & (found.boxes[:, 3] >= config.min_face_px)
    faces = []
    for i in np.flatnonzero(usable)[np.argsort(found.boxes[usable, 0], kind="stable")]:
        if yaw_ratio(found.points[i]) <= config.max_yaw_ratio:
            faces.append(Seen(number, found.boxes[i], align(picture, found.points[i], config.size_px)))
    return faces


def name_tracks(
    system: VoiceFaceMatcher, tracks: list[Track], voices: Mapping[str, np.ndarray], threshold: float | None
) -> list[Named]:
    """Each track's best voice by the mean score of its faces, unless that is below the threshold. Equal
    scores: the voice given first."""
    faces = np.stack([face.pixels for track in tracks for face in track.faces])
    starts = np.cumsum([0, *(len(track.faces) for track in tracks[:-1])])
    with one_thread():
        scores = system.score(list(voices.values()), faces)  # [V, F]
    means = np.add.reduceat(scores, starts, axis=1) / np.array([len(track.faces) for track in tracks])
    names = list(voices)
    named = []
    for track, column in zip(tracks, means.T, strict=True):
        best = int(column.argmax())
        name = names[best] if threshold is None or column[best] >= threshold else None
        named.append(Named(track, name, dict(zip(names, map(float, column), strict=True))))
    return named


def _same_scene(before: np.ndarray, after: np.ndarray) -> bool:
    a, b = (picture.astype(np.float64).ravel() - picture.mean() for picture in (before, after))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return size == 0.0 or float(a @ b) >= SAME_SCENE * size


def _overlap(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (x, y, width, height): [A, 4], [B, 4] -> [A, B]."""
    a, b = left[:, None].astype(np.float64), right[None].astype(np.float64)
    low, high = (
        np.maximum(a[..., :2], b[..., :2]),
        np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]),
    )
    shared = np.clip(high - low, 0.0, None).prod(axis=-1)
    union = a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - shared
    return shared / np.maximum(union, 1e-9)
