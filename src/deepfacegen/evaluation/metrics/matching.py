"""Forced-choice accuracy and its interval over people."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from deepfacegen.evaluation.protocol.trials import Trials

CHUNK_ROWS = 1 << 18
RESAMPLES_AT_ONCE = 100


@dataclass(frozen=True)
class Accuracy:
    """A fraction with its 95 % interval, and what it rests on."""

    accuracy: float
    ci95_low: float
    ci95_high: float
    trials: int
    identities: int

    def metrics(self) -> dict[str, float | int]:
        return asdict(self)


def dot_rows(left: np.ndarray, right: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """left [N, D], right [M, D] -> left[i] . right[j], float32 [T], without the N x M matrix."""
    out = np.empty(len(i), dtype=np.float32)
    for start in range(0, len(i), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        out[part] = np.einsum("td,td->t", left[i[part]], right[j[part]])
    return out


def outcomes(positive: np.ndarray, impostor: np.ndarray) -> np.ndarray:
    """Scores of the two candidates [T] -> 1 right, 0 wrong, 0.5 for a tie. float64 [T]."""
    return np.where(positive > impostor, 1.0, np.where(positive == impostor, 0.5, 0.0))


def accuracy(outcome: np.ndarray, trials: Trials, identities: int, resamples: int, seed: int) -> Accuracy:
    """Mean outcome [T] of at least one trial among `identities` people, with a percentile bootstrap over the
    people.

    A trial has two people in it, so both are resampled: identities get multinomial counts w, and a trial
    counts w[anchor] * w[impostor] times (the two-way or pigeonhole bootstrap; Owen 2007). Trials that share a
    person are not independent, and an interval over trials would be far too narrow.
    """
    right, weight = (np.zeros((identities, identities)) for _ in range(2))
    np.add.at(right, (trials.anchor_identity, trials.impostor_identity), outcome)
    np.add.at(weight, (trials.anchor_identity, trials.impostor_identity), 1.0)
    low, high = interval(right, weight, resamples, seed)
    took_part = len(np.union1d(trials.anchor_identity, trials.impostor_identity))
    return Accuracy(float(outcome.mean()), low, high, len(outcome), took_part)


def interval(right: np.ndarray, weight: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
    """95 % percentile interval of sum(right) / sum(weight), both [I, I] by (anchor, impostor), over resampled
    people.

    Every resample is one row of a matrix product. Only people who take part are resampled; a resample that
    leaves no trial (a handful of people) is drawn void and ignored.
    """
    present = (weight.sum(axis=0) + weight.sum(axis=1)) > 0
    right, weight = right[np.ix_(present, present)], weight[np.ix_(present, present)]
    people = len(weight)
    rng = np.random.default_rng([seed, 1])
    values = []
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        count = rng.multinomial(
            people, np.full(people, 1 / people), size=min(RESAMPLES_AT_ONCE, resamples - start)
        ).astype(np.float64)
        top, bottom = (((count @ table) * count).sum(axis=1) for table in (right, weight))
        values.append(top[bottom > 0] / bottom[bottom > 0])
    low, high = np.quantile(np.concatenate(values), [0.025, 0.975])
    return float(low), float(high)
