"""The faces of one file, aligned: the only one of a photo, or the speaker's in a film, if they pass the gates
of the section `faces`."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces import hints, track
from deepfacegen.data.faces.align import align, yaw_ratio
from deepfacegen.data.faces.detect import Detections, Detector
from deepfacegen.data.faces.landmarks import LandmarkRequest, Work, by_detector
from deepfacegen.data.files import films, media
from deepfacegen.data.files.pictures import RejectError, read_photo

# Another face at least this high, relative to the largest, makes it unclear whose photo it is; smaller ones
# are background.
RIVAL_HEIGHT = 0.5


@dataclass(frozen=True)
class Face:
    """An aligned face uint8 [S, S, 3] and what was measured of it."""

    pixels: np.ndarray
    score: float
    box_height_px: float
    yaw_ratio: float
    sharpness: float


def find_face(
    config: FacesConfig, detector: Detector, image: np.ndarray, hint: np.ndarray | None = None
) -> Face:
    """The one face of a picture, uint8 RGB [H, W, 3], or the one that an annotation (faces.hints) marks.

    Aligned by the detector's points, whatever `faces.landmarks` says.
    Raises RejectError: no_face, several_faces, too_small, extreme_pose or blurred.
    """
    return by_detector(face_of(config, detector, image, hint))


def face_of(
    config: FacesConfig, detector: Detector, image: np.ndarray, hint: np.ndarray | None
) -> Work[Face]:
    """`find_face` as work that requests the points."""
    found = certain(config, detector.detect(image))
    if not len(found):
        raise RejectError("no_face")
    place = None
    if hint is not None and hints.fits(hint, image.shape[1], image.shape[0]):
        place = hints.choose(hint, found.boxes, found.points)
        if place is None:
            raise RejectError("no_face")
    return (yield from cut_face(config, image, found, place))


def certain(config: FacesConfig, found: Detections) -> Detections:
    """The detections with a score that counts."""
    if not len(found) or found.scores[-1] >= config.min_score:  # they come by falling score
        return found
    kept = found.scores >= config.min_score
    return Detections(found.boxes[kept], found.points[kept], found.scores[kept])


def cut_face(
    config: FacesConfig, image: np.ndarray, found: Detections, place: int | None = None
) -> Work[Face]:
    """The aligned face of one of at least one detections; None: the only large one. Raises RejectError as
    `find_face`."""
    heights = found.boxes[:, 3].tolist()
    largest = heights.index(max(heights)) if place is None else place
    if place is None and sum(height >= RIVAL_HEIGHT * heights[largest] for height in heights) > 1:
        raise RejectError("several_faces")
    if heights[largest] < config.min_face_px:
        raise RejectError("too_small")
    points = yield LandmarkRequest(image, found.boxes[largest], found.points[largest])
    yaw = yaw_ratio(points)
    if yaw > config.max_yaw_ratio:
        raise RejectError("extreme_pose")
    try:
        pixels = align(image, points, config.size_px)
    except ValueError:
        raise RejectError("no_face") from None
    _, deviation = cv2.meanStdDev(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_16S))
    sharpness = float(deviation[0, 0]) ** 2
    if sharpness < config.min_sharpness:
        raise RejectError("blurred")
    return Face(pixels, float(found.scores[largest]), heights[largest], yaw, sharpness)


def faces_of(
    config: FacesConfig, path: Path, kind: str, hint: np.ndarray | None
) -> Work[tuple[dict[str, Face], str, int]]:
    """The faces of a file (a photo: one, named ""; a video: one per good frame), the main reason for
    rejects, and how many pictures."""
    pictures = 0
    try:
        if kind == "photo":
            photo, pictures = read_photo(path), 1
            face = yield from face_of(config, _detector(config.detect_side_px), photo, hint)
            return {"": face}, "", 1
        frames = films.video_frames(path, config.video_fps)
    except RejectError as reject:
        return {}, str(reject), pictures
    except media.MediaError as error:
        return {}, error.reason, 0
    found, reason = yield from _speaker(config, frames)
    return found, reason, len(frames)


def _speaker(config: FacesConfig, frames: np.ndarray) -> Work[tuple[dict[str, Face], str]]:
    """The speaking face (faces.track) in frames uint8 RGB [N, H, W, 3], by `#<frame>`, and the main reason
    for rejects."""
    detections = [certain(config, _detector(config.detect_side_px).detect(frame)) for frame in frames]
    boxes, scores = [found.boxes for found in detections], [found.scores for found in detections]
    places = track.speaker(boxes, scores, width_px=frames.shape[2], height_px=frames.shape[1])
    found: dict[str, Face] = {}
    reasons: Counter[str] = Counter()
    for number, (frame, detected, place) in enumerate(zip(frames, detections, places, strict=True)):
        try:
            if place is None:
                raise RejectError("no_face")
            found[f"#{number:04d}"] = yield from cut_face(config, frame, detected, place)
        except RejectError as reject:
            reasons[str(reject)] += 1
    if config.frames_per_video is not None and found:
        names, faces = list(found), list(found.values())
        sharpness, yaw, height = np.array([(f.sharpness, f.yaw_ratio, f.box_height_px) for f in faces]).T
        best = track.best(sharpness, yaw, height, config.frames_per_video)
        found = {names[place]: faces[place] for place in best}
    return found, min(reasons, key=lambda reason: (-reasons[reason], reason), default="")


@functools.cache
def _detector(side_px: int) -> Detector:
    return Detector(side_px=side_px)
