"""Verification from embeddings: AUC and equal error rate over all pairs of clips."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_curve

from deepfacegen.evaluation.statistics import rates


def speaker_verification(
    embeddings: np.ndarray, identities: np.ndarray, clips: int = 2000, seed: int = 0
) -> dict[str, float]:
    """Unit embeddings [N, dim] and the speaker of each [N] -> `eer`, `auc` and counts over all pairs of clips
    (of a seeded sample of `clips` if there are more).

    Only counts where nobody has two clips, or all clips are of one person.
    """
    if len(embeddings) > clips:
        chosen = np.sort(np.random.default_rng(seed).choice(len(embeddings), clips, replace=False))
        embeddings, identities = embeddings[chosen], identities[chosen]
    first, second = np.triu_indices(len(embeddings), k=1)
    same = identities[first] == identities[second]
    counts = {
        "clips": float(len(embeddings)),
        "identities": float(len(np.unique(identities))),
        "same_pairs": float(same.sum()),
    }
    if not same.any() or same.all():
        return counts
    false_alarm, hit, _ = roc_curve(same, (embeddings @ embeddings.T)[first, second])
    return {"eer": float(rates.eer(false_alarm, hit)), "auc": float(rates.auc(false_alarm, hit)), **counts}
