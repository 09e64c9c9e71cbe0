"""Face chips as dlib's networks take them, cut from aligned faces by one fixed crop; and smaller faces.

dlib finds five points (the corners of the eyes, the base of the nose) in every picture and cuts a square by
them. Aligned faces have their eyes and mouths in the same place already, so one square serves all: no
detection can fail on a generated face, and no point jitters.
"""

from __future__ import annotations

import cv2
import numpy as np

from deepfacegen.encoders.chips import CENTRE, SIDE

# Below this scale a warp skips pixels, so the picture is shrunk by area first.
_SHRINK_BELOW = 0.8


def cut(faces: np.ndarray, size_px: int, padding: float) -> np.ndarray:
    """Aligned faces uint8 [N, S, S, 3] -> chips uint8 [N, size, size, 3]; `padding` is room on every side, in
    sides of the unpadded chip.

    Where a chip reaches beyond its picture the border is continued.
    """
    side = faces.shape[1]
    scale = size_px / (SIDE * (1.0 + 2.0 * padding) * side)
    shrunk = round(side * scale) if scale < _SHRINK_BELOW else side
    scale *= side / shrunk
    # Pixel centres lie at whole numbers; the chip's middle is (size - 1) / 2.
    matrix = np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
    matrix[:, 2] = (size_px - 1) / 2 - scale * (np.array(CENTRE) * shrunk - 0.5)
    out = np.empty((len(faces), size_px, size_px, 3), dtype=np.uint8)
    for i, face in enumerate(faces):
        picture = face if shrunk == side else cv2.resize(face, (shrunk, shrunk), interpolation=cv2.INTER_AREA)
        out[i] = cv2.warpAffine(
            picture, matrix, (size_px, size_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    return out


def shrink(faces: np.ndarray, side_px: int) -> np.ndarray:
    """uint8 [N, S, S, 3] -> uint8 [N, side, side, 3] by area, as training reduces stored faces."""
    if faces.shape[1] == side_px:
        return faces
    return np.stack([cv2.resize(face, (side_px, side_px), interpolation=cv2.INTER_AREA) for face in faces])
