"""What drawn faces are like, whoever they show: are they faces, and what do they vary with?"""

from __future__ import annotations

import cv2
import numpy as np

from deepfacegen.data.detect import Detector

SIDE_PX, PADDING_PX = 224, 48
MIN_SCORE = 0.5


def detected_share(faces: np.ndarray) -> float:
    """Share of faces uint8 [N, S, S, 3] in which the detector finds a face.

    An aligned face fills its picture, and detectors expect some room around a head: each is enlarged and its border continued.
    """
    detector, inner = Detector(MIN_SCORE), SIDE_PX - 2 * PADDING_PX
    found = 0
    for face in faces:
        large = cv2.resize(face, (inner, inner), interpolation=cv2.INTER_CUBIC)
        padded = cv2.copyMakeBorder(large, *(PADDING_PX,) * 4, cv2.BORDER_REPLICATE)
        found += len(detector.detect(padded)) > 0
    return found / len(faces)


def diversity(embeddings: np.ndarray) -> dict[str, float]:
    """Unit embeddings [V, n, D] of n draws for each of V voices -> mean cosine distances.

    `diversity_z`: between draws of one voice (needs n > 1); `diversity_voice`: between voices of the same draw (needs V > 1).
    Sums of pairwise products come from the length of a sum of vectors, so the cost is linear.
    """
    values = {}
    voices, draws, _ = embeddings.shape
    for name, axis, count in (("diversity_z", 1, draws), ("diversity_voice", 0, voices)):
        if count > 1:
            total = embeddings.astype(np.float64).sum(axis=axis)
            same = float((total**2).sum(axis=-1).mean())
            own = float((embeddings.astype(np.float64) ** 2).sum(axis=-1).mean()) * count
            values[name] = 1.0 - (same - own) / (count * (count - 1))
    return values
