"""Does the system work equally well for everybody? Accuracy by the group of the anchor, and the gap between
the best and the worst group."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from deepfacegen.evaluation.metrics.matching import Accuracy
from deepfacegen.evaluation.protocol.trials import Trials

SMALLEST_GROUP = 5
RESAMPLES_AT_ONCE = 100
SHUFFLES = 200


def fairness(
    outcome: np.ndarray, trials: Trials, groups: dict[str, np.ndarray], resamples: int, seed: int
) -> dict[str, Any]:
    """Outcomes [T] of trials and who is in which group, bool [I] by name -> accuracies of the trials whose
    anchor is in each group, and their gap.

    `groups.<name>.{accuracy, ci95_low, ci95_high, trials, identities}`: `identities` are the group's people
    with trials. Groups with fewer than SMALLEST_GROUP of them are left out, and their people counted in
    `left_out_identities`. The intervals are those of `matching.accuracy`: anchors and impostors are
    resampled, once for all groups, for groups share impostors.

    `gap`: accuracy of the `highest` group less that of the `lowest`, with `gap_ci95_low`, `gap_ci95_high`. A
    gap is never negative, so it and its interval are too high, the more so the more and the smaller the
    groups are. `gap_shuffled` is the mean gap of groups of the same sizes made by chance (labels permuted
    over the people): what a perfectly fair system would show. `gap_p`: the share of such gaps that are at
    least as large, the true one among them. With fewer than two groups there is no gap.

    Memory and time are linear in trials: the sums by pair of people are sparse.
    """
    if not groups:
        return {"groups": {}, "left_out_identities": 0}
    people = len(next(iter(groups.values())))
    pair = (trials.anchor_identity, trials.impostor_identity)
    right, weight = (
        csr_array((values, pair), shape=(people, people))
        for values in (outcome.astype(np.float64), np.ones(len(trials)))
    )
    right_of, weight_of = right.sum(axis=1), weight.sum(axis=1)
    anchors = weight_of > 0
    member = {name: mask.astype(bool) & anchors for name, mask in groups.items()}
    kept = {name: mask for name, mask in member.items() if mask.sum() >= SMALLEST_GROUP}
    small = np.logical_or.reduce(
        [np.zeros(people, dtype=bool), *(mask for name, mask in member.items() if name not in kept)]
    )
    table = np.stack(list(kept.values()), axis=1).astype(np.float64) if kept else np.zeros((people, 0))
    told: dict[str, Any] = {"groups": {}, "left_out_identities": int((small & ~table.any(axis=1)).sum())}
    if not kept:
        return told
    accuracy = (right_of @ table) / (weight_of @ table)
    resampled = _resampled(right, weight, table, resamples, seed)
    for number, (name, mask) in enumerate(kept.items()):
        low, high = _percentiles(resampled[:, number])
        found = Accuracy(float(accuracy[number]), low, high, int(weight_of[mask].sum()), int(mask.sum()))
        told["groups"][name] = found.metrics()
    if len(kept) > 1:
        told["gap"] = float(np.ptp(accuracy))
        told["gap_ci95_low"], told["gap_ci95_high"] = _percentiles(np.ptp(resampled, axis=1))
        told["lowest"], told["highest"] = (
            list(kept)[int(number)] for number in (accuracy.argmin(), accuracy.argmax())
        )
        shuffled = _shuffled(right_of, weight_of, table, seed)
        told["gap_shuffled"] = float(shuffled.mean())
        told["gap_p"] = float((1 + (shuffled >= told["gap"] - 1e-12).sum()) / (1 + SHUFFLES))
    return told


def _resampled(
    right: csr_array, weight: csr_array, table: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Accuracy of each group, members table [I, G], over resampled people: [R, G], nan where a resample has
    no trial of a group.

    The counts of people are those of `matching.interval`.
    """
    present = np.flatnonzero((weight.sum(axis=0) + weight.sum(axis=1)) > 0)
    right, weight, table = right[present][:, present], weight[present][:, present], table[present]
    people = len(present)
    rng = np.random.default_rng([seed, 1])
    values = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        count = rng.multinomial(
            people, np.full(people, 1 / people), size=min(RESAMPLES_AT_ONCE, resamples - start)
        ).astype(np.float64)
        top, bottom = (((sums @ count.T).T * count) @ table for sums in (right, weight))
        values.append(np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0))
    return np.concatenate(values)


def _shuffled(right: np.ndarray, weight: np.ndarray, table: np.ndarray, seed: int) -> np.ndarray:
    """Gaps [SHUFFLES] when the labelled people, with sums right [I] and weight [I] over their trials, swap
    labels, the rows of table [I, G]."""
    labelled = np.flatnonzero(table.any(axis=1))
    sums = np.stack([right[labelled], weight[labelled]])
    rng = np.random.default_rng([seed, 10])
    gaps = np.empty(SHUFFLES)
    for shuffle in range(SHUFFLES):
        top, bottom = sums @ table[rng.permutation(labelled)]
        gaps[shuffle] = np.ptp(top / bottom)
    return gaps


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    """Ends of the 95 % percentile interval; nan values are ignored."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
