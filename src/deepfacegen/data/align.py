"""Alignment: five points of a face onto the ArcFace template by a similarity, with a margin around it.

Points are (x, y) pixel positions, pixel centres at whole numbers, in this order: right eye, left eye, nose, right and
left corner of the mouth (the person's right: on the left of the picture).
"""

from __future__ import annotations

import cv2
import numpy as np

# Where ArcFace-style recognisers expect the points in their 112 x 112 px input (Deng et al. 2019).
ARCFACE_TEMPLATE_112 = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
RECOGNISER_PX = 112
MARGIN = 1.25
_WITH_MARGIN_PX = round(RECOGNISER_PX * MARGIN)
_BORDER_PX = (_WITH_MARGIN_PX - RECOGNISER_PX) // 2
# Below this scale a warp skips source pixels, so the picture is shrunk by area first.
_SHRINK_BELOW = 0.8


def template(size_px: int) -> np.ndarray:
    """The five points in an aligned face of `size_px`: float64 [5, 2]."""
    return (ARCFACE_TEMPLATE_112 + 0.5 + _BORDER_PX) * (size_px / _WITH_MARGIN_PX) - 0.5


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares rotation, scale and shift (no mirroring) of points [P, 2] onto target [P, 2]: float64 [2, 3] (Umeyama 1991).

    Raises ValueError when all points coincide.
    """
    p, q = (np.asarray(x, dtype=np.float64) @ np.array([1.0, 1j]) for x in (points, target))
    centred = p - p.mean()
    spread = float((np.abs(centred) ** 2).sum())
    if not spread > 1e-9:
        raise ValueError("the points of the face coincide")
    a = (centred.conj() * (q - q.mean())).sum() / spread
    b = q.mean() - a * p.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(image: np.ndarray, points: np.ndarray, size_px: int) -> np.ndarray:
    """uint8 RGB [H, W, 3] and points [5, 2] -> the aligned face uint8 [S, S, 3]. Raises ValueError when all points coincide."""
    matrix = similarity(points, template(size_px))
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < _SHRINK_BELOW:
        height, width = image.shape[:2]
        small = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
        back = np.array([width / small.shape[1], height / small.shape[0]])
        # A pixel centre x of the small picture lies at (x + 0.5) * back - 0.5 in the large one.
        matrix = np.column_stack([matrix[:, :2] * back, matrix[:, :2] @ (0.5 * back - 0.5) + matrix[:, 2]])
        image = small
    return cv2.warpAffine(image, matrix, (size_px, size_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def recogniser_crop(faces: np.ndarray) -> np.ndarray:
    """Aligned faces uint8 [N, S, S, 3] -> what a recogniser takes: uint8 [N, 112, 112, 3], the centre 1 / 1.25 resized."""
    way = cv2.INTER_AREA if faces.shape[1] > _WITH_MARGIN_PX else cv2.INTER_CUBIC
    out = np.empty((len(faces), RECOGNISER_PX, RECOGNISER_PX, 3), dtype=np.uint8)
    inside = slice(_BORDER_PX, _BORDER_PX + RECOGNISER_PX)
    for i, face in enumerate(faces):
        out[i] = cv2.resize(face, (_WITH_MARGIN_PX, _WITH_MARGIN_PX), interpolation=way)[inside, inside]
    return out


def yaw_ratio(points: np.ndarray) -> float:
    """How far the nose is from the middle between the eyes, along the line through them: 0 frontal, 1 at an eye or beyond."""
    right, left, nose = np.asarray(points, dtype=np.float64)[:3]
    line = left - right
    length = float(line @ line)
    if not length > 0.0:
        return 1.0
    along = float((nose - right) @ line) / length
    return float(min(1.0, abs(2.0 * along - 1.0)))
