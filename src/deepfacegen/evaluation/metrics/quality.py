"""What drawn faces are like, whoever they show: are they faces, and what do they vary with?"""

from __future__ import annotations

import cv2
import numpy as np

from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.embeddings import Drawn, Embed
from deepfacegen.evaluation.metrics.fidelity import quality_block
from deepfacegen.evaluation.metrics.perceptual import diversity as perceptual_diversity
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.references.upper_bound import shrink

SIDE_PX, PADDING_PX = 224, 48
MIN_SCORE = 0.5
DETECTED_FACES = 400
PERCEPTUAL_PAIRS = 150


def faces(
    drawn: Drawn,
    judge: str,
    embed: Embed,
    unseen: Population,
    training: Population,
    photos: FaceShards,
    seed: int,
) -> tuple[dict[str, float], dict[str, float]]:
    """The blocks `generated` and `quality` of faces drawn for unseen people, in the features of the judge.

    True faces are shrunk to the size of the drawn ones first: that drawn faces are small is known, and not
    what is asked here.
    """
    kept = drawn.kept
    flat = kept.reshape(-1, *kept.shape[2:])
    sample = flat[np.linspace(0, len(flat) - 1, min(DETECTED_FACES, len(flat))).astype(int)]
    generated = {
        "detected_share": detected_share(sample),
        "detected_of": len(sample),
        **diversity(drawn.vectors[judge]),
    }
    true, known = (
        shrink(photos.gather(p.faces["shard"].to_numpy(), p.faces["row"].to_numpy()), kept.shape[2])
        for p in (unseen, training)
    )
    owner, vectors = unseen.faces["person"].to_numpy(), drawn.vectors[judge]
    told = quality_block(vectors.reshape(-1, vectors.shape[2]), embed(true), owner, embed(known), judge, seed)
    return generated, {**told, **perceptual_diversity(kept, true, owner, PERCEPTUAL_PAIRS, seed)}


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
    """Unit embeddings [V, n, D] of n draws for each of V voices -> mean cosine distances.

    `diversity_within_voice`: between draws of one voice (needs n > 1); `diversity_between_voices`: between voices of the same
    draw (needs V > 1). Sums of pairwise products come from the length of a sum of vectors, so the cost is
    linear.
    """
    values = {}
    voices, draws, _ = embeddings.shape
    for name, axis, count in (("diversity_within_voice", 1, draws), ("diversity_between_voices", 0, voices)):
        if count > 1:
            total = embeddings.astype(np.float64).sum(axis=axis)
            same = float((total**2).sum(axis=-1).mean())
            own = float((embeddings.astype(np.float64) ** 2).sum(axis=-1).mean()) * count
            values[name] = 1.0 - (same - own) / (count * (count - 1))
    return values
