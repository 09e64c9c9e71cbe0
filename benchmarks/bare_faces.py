"""The loop that the faces stage is compared with; a module of its own, so that other processes can import
it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from deepfacegen import weights


@functools.cache
def network() -> Any:
    cv2.setNumThreads(1)
    return cv2.FaceDetectorYN.create(str(weights.locate("yunet")), "", (320, 320), 0.5, 0.3, 100)


def bare(paths: Sequence[Path]) -> int:
    """Faces that the detector finds in some photos."""
    found = 0
    for path in paths:
        image = cv2.imread(str(path))
        network().setInputSize(image.shape[1::-1])
        _, rows = network().detect(image)
        found += 0 if rows is None else len(rows)
    return found
