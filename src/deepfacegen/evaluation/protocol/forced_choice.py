"""Forced choice 1:N: one probe, N candidates of the other modality, one of them the same person, for N = 2 to
10."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfacegen.data.batches import ByLabel
from deepfacegen.evaluation.protocol.trials import LEFT_OUT, group_members

CANDIDATES = 10
RESAMPLES_AT_ONCE = 100


@dataclass(frozen=True)
class Lists:
    """Candidate lists [T, CANDIDATES], the own one first; 1:N is asked of the first N of each list. int64
    everywhere.

    probe [T]: row number of the probe. candidate [T, C]: row numbers. identity [T, C]: whose each candidate
    is; all of a list differ.
    """

    probe: np.ndarray
    candidate: np.ndarray
    identity: np.ndarray

    def __len__(self) -> int:
        return len(self.probe)


def draw_lists(
    probes: np.ndarray, gallery: np.ndarray, groups: np.ndarray, per_probe: int, rng: np.random.Generator
) -> Lists:
    """`per_probe` lists for every probe of a group of at least CANDIDATES people; the cost is linear in their
    number.

    probes [P], gallery [G], groups [I]: as for `trials.draw_trials`. The impostors are a random sample,
    without repetition, of the other people of the anchor's group in random order, so that every prefix of
    them is one, too.
    """
    order, start, size = group_members(groups)
    place = np.empty(len(groups), dtype=np.int64)
    place[order] = np.arange(len(order))
    usable = (groups != LEFT_OUT) & (size[groups] >= CANDIDATES)
    probe = np.repeat(np.flatnonzero(usable[probes]), per_probe)
    anchor = probes[probe]
    group = groups[anchor]
    others = start[group, None] + _distinct(size[group] - 1, CANDIDATES - 1, rng)
    impostors = order[others + (others >= place[anchor, None])]  # skips the anchor's own place
    identity = np.concatenate([anchor[:, None], impostors], axis=1)
    candidate = ByLabel(gallery).draw(identity.reshape(-1), rng).reshape(identity.shape)
    return Lists(probe, candidate, identity)


def hits(scores: np.ndarray) -> np.ndarray:
    """Scores [T, C] of the candidates, the own one first -> for N = 2..C, whether the own one scores highest
    of the first N, float64 [T, C - 1].

    Of several highest ones each is chosen equally often: a tie of two counts 1/2, of three 1/3.
    """
    own, others = scores[:, :1], scores[:, 1:]
    beaten = np.maximum.accumulate(others > own, axis=1)
    equal = np.cumsum(others == own, axis=1)
    return np.where(beaten, 0.0, 1.0 / (1.0 + equal))


def accuracies(hit: np.ndarray, lists: Lists, resamples: int, seed: int) -> dict[str, object]:
    """hit [T, C - 1] of `hits` -> {of_<N>: accuracy, ci95_low, ci95_high, chance} for N = 2..C, `lists`,
    `identities`.

    A list has N people in it, and all of them are resampled. Multiplying N multinomial counts, as
    `matching.accuracy` does for two, would leave almost no list of ten with a weight; so each person's
    influence on the accuracy is resampled instead (`influences`): to first order the same bootstrap.
    """
    count, choices = hit.shape
    value = hit.mean(axis=0)
    people, number = np.unique(lists.identity, return_inverse=True)
    number = number.reshape(lists.identity.shape)
    influence = np.stack(
        [influences(hit[:, k], number[:, : k + 2], len(people)) for k in range(choices)], axis=1
    )
    rng = np.random.default_rng([seed, 7])
    moved = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        weight = rng.multinomial(
            len(people), np.full(len(people), 1 / len(people)), size=min(RESAMPLES_AT_ONCE, resamples - start)
        )
        moved.append((weight - 1.0) @ influence)
    low, high = np.clip(value + np.quantile(np.concatenate(moved), [0.025, 0.975], axis=0), 0.0, 1.0)
    told: dict[str, object] = {"lists": count, "identities": len(people)}
    for k in range(choices):
        told[f"of_{k + 2}"] = {
            "accuracy": float(value[k]),
            "ci95_low": float(low[k]),
            "ci95_high": float(high[k]),
            "chance": 1.0 / (k + 2),
        }
    return told


def influences(hit: np.ndarray, number: np.ndarray, people: int) -> np.ndarray:
    """hit [T] and the people of each list [T, N] (numbers below `people`, anchor first) -> each person's
    influence on the mean hit, float64 [people].

    The infinitesimal jackknife (Efron 1982): as an anchor, a person moves the mean by the sum of (hit - mean)
    / T over the own lists; as an impostor, by that of what the anchor leaves unexplained. The chance of a
    single list is in the influence of each of its N - 1 impostors, but
    happened only once: the latter are shrunk to the variance that goes beyond it (as in the random effects of
    Owen 2007).
    """
    count, anchor, impostors = len(hit), number[:, 0], number[:, 1:]
    own, lists = (
        np.bincount(anchor, hit - hit.mean(), minlength=people),
        np.bincount(anchor, minlength=people),
    )
    left = hit - hit.mean() - (own / np.maximum(lists, 1))[anchor]
    others = np.bincount(impostors.reshape(-1), np.repeat(left, impostors.shape[1]), minlength=people)
    spread = float((others**2).sum())
    beyond = max(0.0, spread - impostors.shape[1] * float((left**2).sum()))
    return (own + others * (beyond / spread if spread else 0.0) ** 0.5) / count


def _distinct(available: np.ndarray, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Row t: `wanted` different whole numbers below available[t] (>= wanted), in random order. int64 [T,
    wanted].

    Floyd's algorithm, for all rows at once: no row of `available` numbers is ever made.
    """
    chosen = np.empty((len(available), wanted), dtype=np.int64)
    for k in range(wanted):
        last = available - wanted + k
        drawn = np.minimum((rng.random(len(available)) * (last + 1)).astype(np.int64), last)
        taken = (chosen[:, :k] == drawn[:, None]).any(axis=1)
        chosen[:, k] = np.where(taken, last, drawn)
    return rng.permuted(chosen, axis=1)
