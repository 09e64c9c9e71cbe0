"""Metric `duration`: how much speech a generator needs, after 1, 3, 6 and 10 seconds (Oh et al. 2019).

Keys, by seconds: `identities`; `cosine`, `cosine_centred` (generated with the own mean real face; intervals
over people), `cosine_others` (the mean with other people's); `accuracy`, `accuracy_centred` (of the choice
between the own and any other person's mean face, over all pairs). Empty where fewer than two people speak
long enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepfacegen.data.shards import batched
from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.embeddings import VOICES_AT_ONCE, embed_samples, generate_faces
from deepfacegen.evaluation.metrics.baselines import person_means
from deepfacegen.evaluation.metrics.matching import interval, outcomes
from deepfacegen.evaluation.protocol.durations import voices_by_seconds
from deepfacegen.evaluation.statistics import bootstrap
from deepfacegen.evaluation.tree import Tree


def applies(context: Context) -> bool:
    return context.generates


def compute(context: Context) -> Tree:
    unseen, settings, means = context.unseen, context.settings, context.means
    embed, real = context.embedders[context.judge], context.real[context.judge][unseen.name]
    people, by_seconds = voices_by_seconds(unseen, context.audio)
    faces = person_means(real, unseen.faces["person"].to_numpy(), len(unseen.identities))[people]
    cells: Tree = {}
    for seconds, voices in by_seconds.items():
        parts = [
            embed_samples(embed, generate_faces(context.generator, part, settings.draws, settings.seed))
            for part in batched(voices, VOICES_AT_ONCE)
        ]
        generated = np.concatenate(parts).mean(axis=1)
        plain = unit(generated) @ faces.T
        centred = unit(generated - means.generated) @ unit(faces - means.real).T
        cells[str(seconds)] = _compare(plain, centred, settings.bootstrap, settings.seed)
    return {"duration": cells}


def _compare(plain: np.ndarray, centred: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
    """Scores [I, I] of generated (rows) and real faces (columns) of the same people."""
    different = 1.0 - np.eye(len(plain))
    metrics: dict[str, Any] = {
        "identities": len(plain),
        "cosine_others": float((plain * different).sum() / different.sum()),
    }
    for name, scores in (("cosine", plain), ("cosine_centred", centred)):
        metrics |= bootstrap.mean(name, np.diagonal(scores), np.ones(len(scores)), resamples, seed)
    for name, scores, ends in (
        ("accuracy", plain, "ci95"),
        ("accuracy_centred", centred, "accuracy_centred_ci95"),
    ):
        right = outcomes(np.diagonal(scores)[:, None], scores) * different
        low, high = interval(right, different, resamples, seed)
        metrics |= {name: float(right.sum() / different.sum()), f"{ends}_low": low, f"{ends}_high": high}
    return metrics
