"""Metric `forced_choice<suffix>`: accuracy of choosing the right one of N candidates, N = 2 to 10.

Keys, by direction, population and group (ungrouped, gender): `lists`, `identities`, and `of_<N>` with
`accuracy`, `ci95_low`, `ci95_high`, `chance`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol
from deepfacegen.evaluation.protocol.trials import Lists
from deepfacegen.evaluation.scores import Scores
from deepfacegen.evaluation.statistics import bootstrap
from deepfacegen.evaluation.tree import Tree, nested


def applies(context: Context) -> bool:
    return True


def compute(context: Context) -> Tree:
    return context.by_score("forced_choice", forced_choice)


def forced_choice(protocol: EvaluationProtocol, scores: Scores) -> Tree:
    return nested(
        (
            ranked.path,
            accuracies(hits(ranked.scores(scores)), ranked.lists, protocol.resamples, protocol.seed),
        )
        for ranked in protocol.ranked_trials
    )


def hits(scores: np.ndarray) -> np.ndarray:
    """Scores [T, C] of the candidates, the own one first -> for N = 2..C, whether the own one scores highest
    of the first N, float64 [T, C - 1].

    Of several highest ones each is chosen equally often: a tie of two counts 1/2, of three 1/3.
    """
    own, others = scores[:, :1], scores[:, 1:]
    beaten = np.maximum.accumulate(others > own, axis=1)
    equal = np.cumsum(others == own, axis=1)
    return np.where(beaten, 0.0, 1.0 / (1.0 + equal))


def accuracies(hit: np.ndarray, lists: Lists, resamples: int, seed: int) -> dict[str, Any]:
    """hit [T, C - 1] of `hits` -> {of_<N>: accuracy, ci95_low, ci95_high, chance} for N = 2..C, `lists`,
    `identities`.

    A list has N people in it, and all of them are resampled. Multiplying N multinomial counts, as
    `matching.accuracy` does for two, would leave almost no list of ten with a weight; so each person's
    influence on the accuracy is resampled instead (`influences`): to first order the same bootstrap.
    """
    value = hit.mean(axis=0)
    people, number = np.unique(lists.identity, return_inverse=True)
    number = number.reshape(lists.identity.shape)
    columns = [influences(hit[:, k], number[:, : k + 2], len(people)) for k in range(hit.shape[1])]
    influence = np.stack(columns, axis=1)
    counts = bootstrap.counts(len(people), resamples, seed, bootstrap.FORCED_CHOICE)
    moved = np.concatenate([(count - 1.0) @ influence for count in counts])
    low, high = np.clip(value + np.quantile(moved, [0.025, 0.975], axis=0), 0.0, 1.0)
    metrics: dict[str, Any] = {"lists": len(hit), "identities": len(people)}
    for k, cell in enumerate(zip(value, low, high, strict=True)):
        ends = dict(zip(("accuracy", "ci95_low", "ci95_high"), map(float, cell), strict=True))
        metrics[f"of_{k + 2}"] = {**ends, "chance": 1.0 / (k + 2)}
    return metrics


def influences(hit: np.ndarray, number: np.ndarray, people: int) -> np.ndarray:
    """hit [T] and the people of each list [T, N] (numbers below `people`, anchor first) -> each person's
    influence on the mean hit, float64 [people].

    The infinitesimal jackknife (Efron 1982): as an anchor, a person moves the mean by the sum of (hit - mean)
    / T over the own lists; as an impostor, by that of what the anchor leaves unexplained. The chance of a
    single list is in the influence of each of its N - 1 impostors, but happened only once: the latter are
    shrunk to the variance that goes beyond it (as in the random effects of Owen 2007).
    """
    anchor, impostors = number[:, 0], number[:, 1:]
    own = np.bincount(anchor, hit - hit.mean(), minlength=people)
    lists = np.bincount(anchor, minlength=people)
    left = hit - hit.mean() - (own / np.maximum(lists, 1))[anchor]
    others = np.bincount(impostors.reshape(-1), np.repeat(left, impostors.shape[1]), minlength=people)
    spread = float((others**2).sum())
    beyond = max(0.0, spread - impostors.shape[1] * float((left**2).sum()))
    return (own + others * (beyond / spread if spread else 0.0) ** 0.5) / len(hit)
