"""Area under the ROC curve (AUC) and equal error rate (EER) of scored pairs, from the curve's points."""

from __future__ import annotations

import numpy as np


def auc(false_alarm: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Points of ROC curves [..., K], both rates rising from 0 to 1 -> area by trapezoids [...]."""
    return (np.diff(false_alarm) * (hit[..., 1:] + hit[..., :-1])).sum(axis=-1) / 2


def eer(false_alarm: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """Points of ROC curves [..., K], both rates rising from 0 to 1 -> the rate [...] at which misses equal
    false alarms, interpolated."""
    gap = (1 - hit) - false_alarm
    after = np.argmax(gap <= 0, axis=-1, keepdims=True)  # never the first point, where all pairs are missed
    (gap, next_gap), (rate, next_rate) = (
        [np.take_along_axis(values, place, axis=-1)[..., 0] for place in (after - 1, after)]
        for values in (gap, false_alarm)
    )
    return rate + gap / (gap - next_gap) * (next_rate - rate)


def thresholds(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores [N] -> the order of pairs from the highest score down [N], and where each threshold ends [N]
    bool: equal scores pass it together."""
    order = np.argsort(-scores, kind="stable")
    return order, np.append(np.diff(scores[order]) != 0, True)


def weighted(last: np.ndarray, same: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUC [R] and EER [R] of pairs in the order of `thresholds`, with their `last` [N], same [N] bool, and R
    sets of weights [R, N]."""
    hit = np.cumsum(weight * same, axis=1)
    false_alarm = (np.cumsum(weight, axis=1) - hit)[:, last]
    hit = hit[:, last]
    hit, false_alarm = (np.pad(curve / curve[:, -1:], ((0, 0), (1, 0))) for curve in (hit, false_alarm))
    return auc(false_alarm, hit), eer(false_alarm, hit)
