"""Faces of a video or photo, tracked from picture to picture, and named by the voices they match best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from deepfacegen.api import files, photos
from deepfacegen.api.faces import one_thread
from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces.align import align, yaw_ratio
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.faces.hints import iou
from deepfacegen.data.files import films, kinds, media
from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import VoiceFaceMatcher

SAME_PLACE = 0.3  # intersection over union of a face's boxes in two frames
SCENE_PX = 32  # side of the shrunk grey frames that are compared
SAME_SCENE = 0.5  # correlation of two frames; below it there is a cut, which ends all tracks
EXPLAINED = {"corrupt": "cannot be read as a video", "no_video": "holds no pictures"}


@dataclass(frozen=True)
class DetectedFace:
    """A face in a picture: its picture's number, its box (x, y, width, height), and its pixels, aligned,
    uint8 [S, S, 3]."""

    picture: int
    box_px: np.ndarray
    pixels: np.ndarray


@dataclass
class Track:
    """Faces that are taken for one person's: at the same place in successive pictures of a scene."""

    faces: list[DetectedFace] = field(default_factory=list)


@dataclass(frozen=True)
class NamedTrack:
    """A track with its name (None: unknown) and the mean score of its faces with each voice."""

    track: Track
    name: str | None
    scores: dict[str, float]


def read_pictures(source: Path) -> tuple[np.ndarray, float | None]:
    """The pictures of a video, uint8 RGB [N, H, W, 3], and their rate per second; of a photo the one, and
    None. Raises UserError."""
    files.check(source)
    kind = kinds.kind_of_one(source)
    if kind == "photo":
        return photos.read(source)[None], None
    if not kind:
        why = kinds.UNREAD.get(kinds.unread(kinds.head(source)), "is neither a picture nor a film")
        raise UserError(f"{source}: {why}")
    fps = FacesConfig().video_fps
    try:
        return films.video_frames(source, fps), fps
    except media.MediaError as error:
        raise files.undecodable(source, error, EXPLAINED) from None


def track_faces(pictures: np.ndarray, detector: Detector) -> list[Track]:
    """uint8 RGB [N, H, W, 3] -> tracks, in the order of their first faces, from left to right.

    A face continues the track whose last face, one picture before, overlaps it most.
    """
    tracks: list[Track] = []
    open_tracks: list[Track] = []
    before: np.ndarray | None = None
    for number, picture in enumerate(pictures):
        scene = _scene(picture)
        if before is not None and not _same_scene(before, scene):
            open_tracks = []
        before = scene
        faces = faces_in(picture, detector, number)
        chosen: dict[int, Track] = {}
        if faces and open_tracks:
            last = np.stack([track.faces[-1].box_px for track in open_tracks])
            overlap = iou(np.stack([face.box_px for face in faces]), last)
            while overlap.max() >= SAME_PLACE:
                row, column = (int(i) for i in np.unravel_index(overlap.argmax(), overlap.shape))
                chosen[row] = open_tracks[column]
                overlap[row], overlap[:, column] = -1.0, -1.0
        for i, face in enumerate(faces):
            if i not in chosen:
                chosen[i] = Track()
                tracks.append(chosen[i])
            chosen[i].faces.append(face)
        open_tracks = list(chosen.values())
    return tracks


def faces_in(picture: np.ndarray, detector: Detector, number: int = 0) -> list[DetectedFace]:
    """All faces of a picture, uint8 RGB [H, W, 3], that training photos may have too, from left to right."""
    config, found = FacesConfig(), detector.detect(picture)
    usable = (found.scores >= config.min_score) & (found.boxes[:, 3] >= config.min_face_px)
    faces = []
    for i in np.flatnonzero(usable)[np.argsort(found.boxes[usable, 0], kind="stable")]:
        if yaw_ratio(found.points[i]) <= config.max_yaw_ratio:
            pixels = align(picture, found.points[i], config.size_px)
            faces.append(DetectedFace(number, found.boxes[i], pixels))
    return faces


def name_tracks(
    system: VoiceFaceMatcher, tracks: list[Track], voices: Mapping[str, np.ndarray], threshold: float | None
) -> list[NamedTrack]:
    """Each track's best voice by the mean score of its faces, unless that is below the threshold. Of equal
    scores, the first voice."""
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
        named.append(NamedTrack(track, name, dict(zip(names, map(float, column), strict=True))))
    return named


def _scene(picture: np.ndarray) -> np.ndarray:
    """A picture, grey and shrunk, float64 [SCENE_PX ** 2], with mean 0."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SCENE_PX, SCENE_PX), interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.asarray((small - small.mean()).ravel())


def _same_scene(a: np.ndarray, b: np.ndarray) -> bool:
    size = float(np.sqrt((a @ a) * (b @ b)))
    return size == 0.0 or float(a @ b) >= SAME_SCENE * size
