"""Alignment: five points of a face onto the ArcFace template by a similarity, with a margin around it.

Points are (x, y) pixel positions, pixel centres at whole numbers, in this order: right eye, left eye, nose,
right and left corner of the mouth (the person's right: on the left of the picture).
"""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np

# Where ArcFace-style recognisers expect the points in their 112 x 112 px input (Deng et al. 2019).
ARCFACE_TEMPLATE_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
RECOGNISER_PX = 112
MARGIN = 1.25
_WITH_MARGIN_PX = round(RECOGNISER_PX * MARGIN)
_BORDER_PX = (_WITH_MARGIN_PX - RECOGNISER_PX) // 2
# A picture with more pixels per pixel of the face is shrunk to so many by area first. Bilinear sampling of
# that is nearer to the mean over each pixel of the face than cubic sampling of one shrunk all the way (7 dB
# on photos of 224 px, docs/faces.md), keeps its sharpness, and is faster.
_OVERSAMPLED = 1.75


@functools.cache
def template(size_px: int) -> np.ndarray:
    """The five points in an aligned face of `size_px`: float64 [5, 2], read-only."""
    points = (ARCFACE_TEMPLATE_112 + 0.5 + _BORDER_PX) * (size_px / _WITH_MARGIN_PX) - 0.5
    points.setflags(write=False)
    return points


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares rotation, scale and shift (no mirroring) of points [P, 2] onto target [P, 2]: float64 [2,
    3] (Umeyama 1991).

    Raises ValueError when all points coincide.
    """
    return _matrix(*_turn_and_shift(points, target))


def _turn_and_shift(points: np.ndarray, target: np.ndarray) -> tuple[complex, complex]:
    """a and b of q = a p + b, with points as complex numbers. Plain ones: for five points they are several
    times as fast as arrays."""
    p, q = (
        [complex(*place) for place in np.asarray(places, dtype=np.float64).tolist()]
        for places in (points, target)
    )
    p_mean, q_mean = sum(p) / len(p), sum(q) / len(q)
    spread = sum(abs(z - p_mean) ** 2 for z in p)
    if not spread > 1e-9:
        raise ValueError("the points of the face coincide")
    a = sum((z - p_mean).conjugate() * (w - q_mean) for z, w in zip(p, q, strict=True)) / spread
    return a, q_mean - a * p_mean


def _matrix(a: complex, b: complex) -> np.ndarray:
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(image: np.ndarray, points: np.ndarray, size_px: int) -> np.ndarray:
    """uint8 RGB [H, W, 3] and points [5, 2] -> the aligned face uint8 [S, S, 3]. Raises ValueError when all
    points coincide."""
    a, b = _turn_and_shift(points, template(size_px))
    scale = abs(a)
    rows, columns = _touched(a, b, size_px, image.shape[0], image.shape[1])
    part = image[rows, columns]
    matrix = _matrix(a, b + a * complex(columns.start, rows.start))
    if scale * _OVERSAMPLED < 1.0:
        height, width = part.shape[:2]
        small = tuple(max(1, round(side * scale * _OVERSAMPLED)) for side in (width, height))
        part = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
        back = np.array([width / small[0], height / small[1]])
        # A pixel centre x of the small picture lies at (x + 0.5) * back - 0.5 in the large one.
        matrix = np.column_stack([matrix[:, :2] * back, matrix[:, :2] @ (0.5 * back - 0.5) + matrix[:, 2]])
    size = (size_px, size_px)
    if scale >= 1.0:
        return cv2.warpAffine(part, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    # OpenCV warps four channels in less than half the time of three, to the same values.
    four = cv2.cvtColor(part, cv2.COLOR_RGB2RGBA)
    warped = cv2.warpAffine(four, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)


def _touched(a: complex, b: complex, size_px: int, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the picture that the face takes pixels from, and a few more; at least one of
    each."""
    corners = [(complex(x, y) - b) / a for x in (-1, size_px) for y in (-1, size_px)]
    margin = 2 + round(1 / abs(a))

    def within(places: list[float], length: int) -> slice:
        begin = min(max(0, math.floor(min(places)) - margin), length - 1)
        return slice(begin, max(begin + 1, min(length, math.ceil(max(places)) + margin + 1)))

    return within([z.imag for z in corners], height), within([z.real for z in corners], width)


def recogniser_crop(faces: np.ndarray) -> np.ndarray:
    """Aligned faces uint8 [N, S, S, 3] -> what a recogniser takes: uint8 [N, 112, 112, 3], the centre 1 /
    1.25 resized."""
    way = cv2.INTER_AREA if faces.shape[1] > _WITH_MARGIN_PX else cv2.INTER_CUBIC
    out = np.empty((len(faces), RECOGNISER_PX, RECOGNISER_PX, 3), dtype=np.uint8)
    inside = slice(_BORDER_PX, _BORDER_PX + RECOGNISER_PX)
    for i, face in enumerate(faces):
        out[i] = cv2.resize(face, (_WITH_MARGIN_PX, _WITH_MARGIN_PX), interpolation=way)[inside, inside]
    return out


def yaw_ratio(points: np.ndarray) -> float:
    """How far the nose is from the middle between the eyes, along the line through them: 0 frontal, 1 at an
    eye or beyond."""
    right, left, nose = (complex(*point) for point in np.asarray(points, dtype=np.float64)[:3].tolist())
    line = left - right
    length = abs(line) ** 2
    if not length > 0.0:
        return 1.0
    along = ((nose - right) * line.conjugate()).real / length
    return min(1.0, abs(2.0 * along - 1.0))
