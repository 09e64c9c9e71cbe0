"""Verification from embeddings: all pairs of clips, AUC and equal error rate."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """scores [N] (higher = same), same [N] bool -> the rate at which misses and false alarms are equal,
    interpolated."""
    false_alarm, hit, _ = roc_curve(same, scores)
    gap = (1 - hit) - false_alarm
    i = int(np.flatnonzero(gap <= 0)[0])
    if i == 0:
        return float(false_alarm[0])
    share = gap[i - 1] / (gap[i - 1] - gap[i])
    return float(false_alarm[i - 1] + share * (false_alarm[i] - false_alarm[i - 1]))


def speaker_verification(
    embeddings: np.ndarray, identities: np.ndarray, clips: int = 2000, seed: int = 0
) -> dict[str, float]:
    """Unit embeddings [N, dim] and who spoke [N] -> EER and AUC over all pairs of clips (a seeded sample of
    them if there are more).

    Returns only the counts where nobody has two clips, for then no pair is of one person.
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
    scores = (embeddings @ embeddings.T)[first, second]
    return {"eer": equal_error_rate(scores, same), "auc": float(roc_auc_score(same, scores)), **counts}
