"""Metric `fairness<suffix>`: matching accuracy by group of people, and the gap between best and worst group.

Keys, by attribute (gender, age, nationality) and impostor group, of unseen people, voice to face:
`groups.<name>` (`accuracy`, `ci95_low`, `ci95_high`, `trials`, `identities`), `left_out_identities`, and with
two groups or more `gap`, `gap_ci95_low`, `gap_ci95_high`, `lowest`, `highest`, `gap_shuffled`, `gap_p`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.metrics.matching import Accuracy, outcomes
from deepfacegen.evaluation.protocol.groups import named
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol
from deepfacegen.evaluation.protocol.trials import Trials
from deepfacegen.evaluation.scores import Scores
from deepfacegen.evaluation.statistics import bootstrap
from deepfacegen.evaluation.tree import Tree, nested

SMALLEST_GROUP = 5
SHUFFLES = 200


def applies(context: Context) -> bool:
    return True


def compute(context: Context) -> Tree:
    return context.by_score("fairness", by_attribute)


def by_attribute(protocol: EvaluationProtocol, scores: Scores) -> Tree:
    cells = []
    for task in protocol.tasks:
        if task.path[:2] == ("voice_to_face", "unseen") and task.group in ("ungrouped", "gender"):
            right = outcomes(*task.scores(scores))
            for attribute, members in named(task.population.identities).items():
                if members:
                    found = fairness(right, task.trials, members, protocol.resamples, protocol.seed)
                    cells.append(((attribute, task.group), found))
    return nested(cells)


def fairness(
    outcome: np.ndarray, trials: Trials, groups: dict[str, np.ndarray], resamples: int, seed: int
) -> dict[str, Any]:
    """Outcomes [T] of trials and the members of groups, bool [I] by name -> accuracies of the trials whose
    anchor is in each group, and their gap.

    `identities` are the group's people with trials. Groups with fewer than SMALLEST_GROUP of them are left
    out, and their people counted in `left_out_identities`. The intervals are those of `matching.accuracy`:
    anchors and impostors are resampled, once for all groups, for groups share impostors.

    `gap`: accuracy of the `highest` group less that of the `lowest`. A gap is never negative, so it and its
    interval are too high, the more so the more and the smaller the groups are. `gap_shuffled` is the mean gap
    of random groups of the same sizes (labels permuted over the people): that of a perfectly fair system.
    `gap_p`: the share of such gaps that are at least as large, the real one among them.

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
    left_out = int((small & ~table.any(axis=1)).sum())
    metrics: dict[str, Any] = {"groups": {}, "left_out_identities": left_out}
    if not kept:
        return metrics
    accuracy = (right_of @ table) / (weight_of @ table)
    resampled = _resampled(right, weight, table, resamples, seed)
    for number, (name, mask) in enumerate(kept.items()):
        low, high = bootstrap.percentiles(resampled[:, number])
        found = Accuracy(float(accuracy[number]), low, high, int(weight_of[mask].sum()), int(mask.sum()))
        metrics["groups"][name] = found.metrics()
    if len(kept) > 1:
        gap, names = float(np.ptp(accuracy)), list(kept)
        low, high = bootstrap.percentiles(np.ptp(resampled, axis=1))
        shuffled = _shuffled(right_of, weight_of, table, seed)
        metrics |= {"gap": gap, "gap_ci95_low": low, "gap_ci95_high": high}
        metrics |= {"lowest": names[int(accuracy.argmin())], "highest": names[int(accuracy.argmax())]}
        metrics["gap_shuffled"] = float(shuffled.mean())
        metrics["gap_p"] = float((1 + (shuffled >= gap - 1e-12).sum()) / (1 + SHUFFLES))
    return metrics


def _resampled(
    right: csr_array, weight: csr_array, table: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Accuracy of each group, members table [I, G], over resampled people: [R, G], nan where a resample has
    no trial of a group. The counts of people are those of `matching.interval`."""
    present = np.flatnonzero((weight.sum(axis=0) + weight.sum(axis=1)) > 0)
    right, weight, table = right[present][:, present], weight[present][:, present], table[present]
    values = []
    for count in bootstrap.counts(len(present), resamples, seed, bootstrap.MATCHING):
        top, bottom = (((sums @ count.T).T * count) @ table for sums in (right, weight))
        values.append(np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0))
    return np.concatenate(values)


def _shuffled(right: np.ndarray, weight: np.ndarray, table: np.ndarray, seed: int) -> np.ndarray:
    """Gaps [SHUFFLES] after permuting the rows of table [I, G] over the labelled people, who have sums right
    [I] and weight [I] over their trials."""
    labelled = np.flatnonzero(table.any(axis=1))
    sums = np.stack([right[labelled], weight[labelled]])
    rng = np.random.default_rng([seed, 10])
    gaps = np.empty(SHUFFLES)
    for shuffle in range(SHUFFLES):
        top, bottom = sums @ table[rng.permutation(labelled)]
        gaps[shuffle] = np.ptp(top / bottom)
    return gaps
