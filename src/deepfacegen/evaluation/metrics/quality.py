"""Metrics `generated`, `quality` and `quality_temperature_1`: what the generated faces of unseen people are
like, whoever they are of.

Keys of `generated`: `detected_share` of `detected_of` faces, `diversity_within_voice` and
`diversity_between_voices` (mean cosine distances by the first judge; between voices with the same latents).
Keys of `quality`: see `fidelity.quality_block` and `perceptual.diversity`; `temperature`, where a system has
one. `quality_temperature_1`, of such systems: `fidelity.quality_block` and `temperature`, which is 1.

All but the two of the judge's diversity are of faces with latents of their own for every clip.
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
    unseen, seed, faces = context.unseen, context.settings.seed, context.varied.faces
    flat = faces.reshape(-1, *faces.shape[2:])
    sample = flat[np.linspace(0, len(flat) - 1, min(DETECTED_FACES, len(flat))).astype(int)]
    owner = unseen.faces["person"].to_numpy()
    blocks = {f"quality{suffix}": block for suffix, block in fidelity_blocks(context).items()}
    blocks["quality"] |= perceptual.diversity(faces, context.real_small, owner, PERCEPTUAL_PAIRS, seed)
    return {
        "generated": {
            "detected_share": detected_share(sample),
            "detected_of": len(sample),
            **diversity(context.generated[unseen.name].embeddings[context.judge]),
        },
        **blocks,
    }


def fidelity_blocks(context: Context) -> Tree:
    """`fidelity.quality_block` at every temperature of `Context.varied_by_temperature`, by suffix."""
    judge, seed, owner = context.judge, context.settings.seed, context.unseen.faces["person"].to_numpy()
    embed, small = context.embedders[judge], context.real_small
    real, training = (
        embed(faces) for faces in (small, shrink(context.photos.rows(context.training.faces), small.shape[1]))
    )

    blocks: Tree = {}
    for suffix, (generated, temperature) in context.varied_by_temperature.items():
        embeddings = generated.embeddings[judge]
        every = embeddings.reshape(-1, embeddings.shape[2])
        block = fidelity.quality_block(every, real, owner, training, judge, seed)
        blocks[suffix] = {**block, **temperature}
    return blocks


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
