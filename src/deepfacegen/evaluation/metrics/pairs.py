"""Forced-choice trials as a verification list: are these two the same person? AUC and equal error rate, with
intervals over people."""

from __future__ import annotations

import numpy as np

from deepfacegen.evaluation.protocol.trials import Trials

CELLS = 1 << 22


def trial_verification(
    right: np.ndarray, wrong: np.ndarray, trials: Trials, resamples: int, seed: int
) -> dict[str, float | int]:
    """The pairs of forced-choice trials, one of one person and one of two, as a verification list: AUC and
    EER with 95 % intervals.

    right, wrong [T]: scores of each trial's pairs. As many pairs are the same person as not, like PINs'
    lists. The interval is that of `labelled_pairs`.
    """
    scores = np.concatenate([right, wrong])
    same = np.repeat([True, False], len(right))
    first = np.concatenate([trials.anchor_identity, trials.anchor_identity])
    second = np.concatenate([trials.anchor_identity, trials.impostor_identity])
    return labelled_pairs(scores, same, first, second, resamples, seed)


def labelled_pairs(
    scores: np.ndarray, same: np.ndarray, first: np.ndarray, second: np.ndarray, resamples: int, seed: int
) -> dict[str, float | int]:
    """Any verification list: AUC and EER with 95 % intervals over people.

    scores [N]; same [N] bool, neither all nor none; first, second [N]: numbers of each pair's people, equal
    where `same`. People are
    resampled: with counts w, a pair of one person counts w, a pair of two w * w (see `matching.accuracy`); a
    resample without pairs of both kinds is drawn void.
    """
    present, number = np.unique(np.concatenate([first, second]), return_inverse=True)
    order, last = _thresholds(scores)
    same = same[order]
    first, second = number[: len(scores)][order], number[len(scores) :][order]
    auc, eer = _rates(last, same, np.ones((1, len(scores))))
    rng = np.random.default_rng([seed, 6])
    resampled: list[tuple[np.ndarray, np.ndarray]] = []
    at_once = max(1, CELLS // len(scores))
    for start in range(0, resamples, at_once):
        count = rng.multinomial(
            len(present), np.full(len(present), 1 / len(present)), size=min(at_once, resamples - start)
        ).astype(np.float64)
        weight = np.where(same, count[:, first], count[:, first] * count[:, second])
        weight = weight[(weight[:, same].sum(axis=1) > 0) & (weight[:, ~same].sum(axis=1) > 0)]
        resampled.append(_rates(last, same, weight))
    told: dict[str, float | int] = {"pairs": len(scores), "identities": len(present)}
    for name, value, values in (
        ("auc", auc, [a for a, _ in resampled]),
        ("eer", eer, [e for _, e in resampled]),
    ):
        low, high = np.quantile(np.concatenate(values), [0.025, 0.975])
        told[name], told[f"{name}_ci95_low"], told[f"{name}_ci95_high"] = (
            float(value[0]),
            float(low),
            float(high),
        )
    return told


def weighted_rates(scores: np.ndarray, same: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """scores [N], same [N] bool, weights [R, N] of the pairs -> AUC [R] and EER [R]."""
    order, last = _thresholds(scores)
    return _rates(last, same[order], weight[:, order])


def _thresholds(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of pairs from the highest score down [N], and where each threshold ends [N] bool: equal
    scores pass it together."""
    order = np.argsort(-scores, kind="stable")
    return order, np.append(np.diff(scores[order]) != 0, True)


def _rates(last: np.ndarray, same: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUC [R] and EER [R] of pairs in the order of their scores: `last` and `same` [N], weight [R, N]."""
    hit = np.cumsum(weight * same, axis=1)
    alarm = (np.cumsum(weight, axis=1) - hit)[:, last]
    hit = hit[:, last]
    hit, alarm = (np.pad(curve / curve[:, -1:], ((0, 0), (1, 0))) for curve in (hit, alarm))
    auc = (np.diff(alarm, axis=1) * (hit[:, 1:] + hit[:, :-1])).sum(axis=1) / 2
    after = (1 - hit <= alarm).argmax(axis=1)  # misses fall, false alarms rise
    row = np.arange(len(weight))
    gap, next_gap = (1 - hit[row, k] - alarm[row, k] for k in (after - 1, after))
    return auc, alarm[row, after - 1] + gap / (gap - next_gap) * (alarm[row, after] - alarm[row, after - 1])
