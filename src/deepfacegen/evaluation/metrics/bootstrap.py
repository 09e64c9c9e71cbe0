"""Intervals over people: everything of a person is drawn together or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

RESAMPLES_AT_ONCE = 100
FEWEST_PEOPLE = 3  # two people are always on a line


def person_sums(values: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values [N] and whose each is [N] -> the people [P], sorted, and each one's sum and count: float64
    [P]."""
    people, place = np.unique(person, return_inverse=True)
    return (
        people,
        np.bincount(place, values, minlength=len(people)),
        np.bincount(place, minlength=len(people)).astype(np.float64),
    )


def mean(name: str, total: np.ndarray, count: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    """A mean of what people [P] have (sums and counts) under `name`, with its 95 % percentile interval over
    people as `<name>_ci95_low`, `_high`.

    Everybody counts as often as the count says: with counts of 1 people count equally, with numbers of faces
    the faces do.
    """
    means = np.concatenate(
        [(weight @ total) / (weight @ count) for weight in _weights(len(total), resamples, seed)]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return {
        name: float(total.sum() / count.sum()),
        f"{name}_ci95_low": float(low),
        f"{name}_ci95_high": float(high),
    }


def correlation(x: np.ndarray, y: np.ndarray, resamples: int, seed: int) -> tuple[float, float, float] | None:
    """Pearson's r of x and y [P], a value of each person, and its 95 % percentile interval over people.

    None when it is not defined: fewer than three people, or all alike. Resamples in which all are alike count
    as not drawn.
    """
    if len(x) < FEWEST_PEOPLE:
        return None
    x, y = x - x.mean(), y - y.mean()
    value = float(_pearson(np.ones((1, len(x))), x, y)[0])
    if np.isnan(value):
        return None
    drawn = np.concatenate([_pearson(weight, x, y) for weight in _weights(len(x), resamples, seed)])
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return value, float(low), float(high)


def _weights(people: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each person is drawn in each resample, a part of the resamples at a time: float64 [r, P]."""
    rng = np.random.default_rng([seed, 11])
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        size = min(RESAMPLES_AT_ONCE, resamples - start)
        yield rng.multinomial(people, np.full(people, 1 / people), size=size).astype(np.float64)


def _pearson(weight: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """r of centred x and y [P], people counted by each row of weight [r, P]: [r]; nan where all are alike."""
    n = weight.sum(axis=1)
    mx, my = weight @ x / n, weight @ y / n
    vx, vy = weight @ x**2 / n - mx**2, weight @ y**2 / n - my**2
    known = (vx > 1e-12 * (x**2).mean()) & (vy > 1e-12 * (y**2).mean())
    return np.where(known, (weight @ (x * y) / n - mx * my) / np.sqrt(np.where(known, vx * vy, 1.0)), np.nan)
