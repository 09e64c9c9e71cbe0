"""Metric `verification<suffix>`: are these two the same person? AUC and EER of the pairs of the matching
trials.

Keys, by direction, population and group: `pairs`, `identities`, `auc`, `eer`, both with `_ci95_low`,
`_ci95_high`.
"""

from __future__ import annotations

import numpy as np

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol
from deepfacegen.evaluation.protocol.trials import Trials
from deepfacegen.evaluation.scores import Scores
from deepfacegen.evaluation.statistics import bootstrap, rates
from deepfacegen.evaluation.tree import Tree, nested

CELLS = 1 << 22


def applies(context: Context) -> bool:
    return True


def compute(context: Context) -> Tree:
    return context.by_score("verification", verification)


def verification(protocol: EvaluationProtocol, scores: Scores) -> Tree:
    return nested(
        (task.path, trial_verification(*task.scores(scores), task.trials, protocol.resamples, protocol.seed))
        for task in protocol.tasks
    )


def trial_verification(
    right: np.ndarray, wrong: np.ndarray, trials: Trials, resamples: int, seed: int
) -> dict[str, float | int]:
    """`labelled_pairs` of matching trials: each gives a pair of one person, score right [T], and a pair of
    two, score wrong [T]. So half of the pairs are the same person, as in the lists of PINs."""
    scores = np.concatenate([right, wrong])
    same = np.repeat([True, False], len(right))
    first = np.concatenate([trials.anchor_identity, trials.anchor_identity])
    second = np.concatenate([trials.anchor_identity, trials.impostor_identity])
    return labelled_pairs(scores, same, first, second, resamples, seed)


def labelled_pairs(
    scores: np.ndarray, same: np.ndarray, first: np.ndarray, second: np.ndarray, resamples: int, seed: int
) -> dict[str, float | int]:
    """AUC and EER of any verification list, with 95 % intervals over people.

    scores [N]; same [N] bool, neither all nor none; first, second [N]: numbers of each pair's people, equal
    where `same`. With counts w of resampled people, a pair of one person counts w, a pair of two w * w (see
    `matching.accuracy`). Resamples without pairs of both kinds are ignored.
    """
    present, number = np.unique(np.concatenate([first, second]), return_inverse=True)
    order, last = rates.thresholds(scores)
    same = same[order]
    first, second = number[: len(scores)][order], number[len(scores) :][order]
    point = rates.weighted(last, same, np.ones((1, len(scores))))
    resampled = []
    at_once = max(1, CELLS // len(scores))
    for count in bootstrap.counts(len(present), resamples, seed, bootstrap.VERIFICATION, at_once):
        weight = np.where(same, count[:, first], count[:, first] * count[:, second])
        weight = weight[(weight[:, same].sum(axis=1) > 0) & (weight[:, ~same].sum(axis=1) > 0)]
        resampled.append(rates.weighted(last, same, weight))
    metrics: dict[str, float | int] = {"pairs": len(scores), "identities": len(present)}
    for name, value, values in zip(("auc", "eer"), point, zip(*resampled, strict=True), strict=True):
        low, high = bootstrap.percentiles(np.concatenate(values))
        metrics |= {name: float(value[0]), f"{name}_ci95_low": low, f"{name}_ci95_high": high}
    return metrics
