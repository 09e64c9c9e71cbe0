"""Metrics `generated` and `quality`: what the generated faces of unseen people are like, whoever they are of.

Keys of `generated`: `detected_share` of `detected_of` faces, `diversity_within_voice` and
`diversity_between_voices` (mean cosine distances by the first judge). Keys of `quality`: see
`fidelity.quality_block` and `perceptual.diversity`.
"""

from __future__ import annotations

import cv2
import numpy as np

from deepfacegen.data.faces.detect import Detector
from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.statistics import fidelity, perceptual
from deepfacegen.evaluation.tree import Tree

SIDE_PX, PADDING_PX = 224, 48
MIN_SCORE = 0.5
DETECTED_FACES = 400
PERCEPTUAL_PAIRS = 150


def applies(context: Context) -> bool:
    return context.generates


def compute(context: Context) -> Tree:
    """Real faces are shrunk to the size of the generated ones first: that these are small is known."""
    judge, unseen, seed = context.judge, context.unseen, context.settings.seed
    embed, embeddings = context.embedders[judge], context.generated[unseen.name].embeddings[judge]
    faces = context.generated[unseen.name].faces
    flat = faces.reshape(-1, *faces.shape[2:])
    sample = flat[np.linspace(0, len(flat) - 1, min(DETECTED_FACES, len(flat))).astype(int)]
    real, training = (
        shrink(context.photos.rows(people.faces), faces.shape[2]) for people in (unseen, context.training)
    )
    owner, every = unseen.faces["person"].to_numpy(), embeddings.reshape(-1, embeddings.shape[2])
    return {
        "generated": {
            "detected_share": detected_share(sample),
            "detected_of": len(sample),
            **diversity(embeddings),
        },
        "quality": {
            **fidelity.quality_block(every, embed(real), owner, embed(training), judge, seed),
            **perceptual.diversity(faces, real, owner, PERCEPTUAL_PAIRS, seed),
        },
    }


def detected_share(faces: np.ndarray) -> float:
    """Share of faces uint8 [N, S, S, 3] in which the detector finds a face.

    An aligned face fills its picture, and detectors expect some room around a head: each is enlarged and its
    border continued.
    """
    detector, inner = Detector(MIN_SCORE), SIDE_PX - 2 * PADDING_PX
    found = 0
    for face in faces:
        large = cv2.resize(face, (inner, inner), interpolation=cv2.INTER_CUBIC)
        padded = cv2.copyMakeBorder(large, *(PADDING_PX,) * 4, cv2.BORDER_REPLICATE)
        found += len(detector.detect(padded)) > 0
    return found / len(faces)


def diversity(embeddings: np.ndarray) -> dict[str, float]:
    """Unit embeddings [V, n, D] of n samples for each of V voices -> mean cosine distances.

    `diversity_within_voice`: between samples of one voice (needs n > 1); `diversity_between_voices`: between
    voices of the same sample number (needs V > 1). Sums of pairwise products come from the length of a sum of
    vectors, so the cost is linear.
    """
    values = {}
    voices, samples, _ = embeddings.shape
    for name, axis, count in (
        ("diversity_within_voice", 1, samples),
        ("diversity_between_voices", 0, voices),
    ):
        if count > 1:
            total = embeddings.astype(np.float64).sum(axis=axis)
            same = float((total**2).sum(axis=-1).mean())
            own = float((embeddings.astype(np.float64) ** 2).sum(axis=-1).mean()) * count
            values[name] = 1.0 - (same - own) / (count * (count - 1))
    return values
