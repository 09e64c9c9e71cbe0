"""Face detection: YuNet through OpenCV, boxes and five points in the pixels of the picture that was given."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from deepfacegen import weights

SIDE_PX = 640  # larger pictures are shrunk to this for detection
SMALLEST_SIDE_PX = 16  # nothing can be found in less
NMS_IOU = 0.3
MOST_FACES = 100


@dataclass(frozen=True)
class Detections:
    """Faces by falling score: boxes float32 [N, 4] (x, y, width, height), points float32 [N, 5, 2], scores
    float32 [N]."""

    boxes: np.ndarray
    points: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


class Detector:
    """YuNet (Wu et al. 2023). One object per process or thread; uses one core.

    Pictures whose longer side exceeds `side_px` are shrunk to it first, so a vast photo takes no longer than
    one of that size; faces in it that are then lower than about 10 px are not found.
    """

    def __init__(self, min_score: float = 0.5, side_px: int = SIDE_PX) -> None:
        self.side_px = side_px
        # OpenCV 5 warns that its new engine has no choice of target; the default is the one that is wanted.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        cv2.setNumThreads(1)
        self._size = (320, 320)
        self._net = cv2.FaceDetectorYN.create(
            str(weights.locate("yunet")), "", self._size, min_score, NMS_IOU, MOST_FACES
        )

    def detect(self, image: np.ndarray) -> Detections:
        """Faces in an image, uint8 RGB [H, W, 3]; points are ordered as in `align`."""
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST_SIDE_PX:
            return _detections(np.empty((0, 15), dtype=np.float32))
        shrink = min(1.0, self.side_px / max(height, width))
        size = (max(SMALLEST_SIDE_PX, round(width * shrink)), max(SMALLEST_SIDE_PX, round(height * shrink)))
        small = image if shrink == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        if size != self._size:  # to set it, even to what it was, costs a tenth of a detection
            self._net.setInputSize(size)
            self._size = size
        _, found = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        rows = np.empty((0, 15), dtype=np.float32) if found is None else np.asarray(found, dtype=np.float32)
        if size != (width, height):
            rows = rows * np.array([width / size[0], height / size[1]] * 7 + [1.0], dtype=np.float32)
        return _detections(rows if len(rows) < 2 else rows[np.argsort(-rows[:, 14], kind="stable")])


def _detections(rows: np.ndarray) -> Detections:
    return Detections(rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14])
