"""Intervals over people: a resample takes everything of a person or nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

RESAMPLES_AT_ONCE = 100
FEWEST_PEOPLE = 3  # two people are always on a line
# One random stream for each kind of interval.
MATCHING, VERIFICATION, FORCED_CHOICE, MEANS = 1, 6, 7, 11


def counts(
    people: int, resamples: int, seed: int, stream: int, at_once: int = RESAMPLES_AT_ONCE
) -> Iterator[np.ndarray]:
    """How often each person is in each resample, `at_once` resamples at a time: float64 [r, people], rows of
    sum `people`."""
    rng = np.random.default_rng([seed, stream])
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        yield rng.multinomial(people, np.full(people, 1 / people), size=size).astype(np.float64)


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """Ends of the 95 % percentile interval of values [R]; nan (an undefined resample) is ignored."""
    low, high = np.quantile(values[~np.isnan(values)], [0.025, 0.975])
    return float(low), float(high)


def person_sums(values: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values [N] and the person of each [N] -> the people [P], sorted, with their sums and counts: float64
    [P]."""
    people, place = np.unique(person, return_inverse=True)
    sums = np.bincount(place, values, minlength=len(people))
    return people, sums, np.bincount(place, minlength=len(people)).astype(np.float64)


def mean(name: str, total: np.ndarray, count: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    """The mean of what people [P] have (sums and counts) under `name`, with its 95 % percentile interval over
    people as `<name>_ci95_low`, `_high`.

    A person weighs as much as the count: counts of 1 weigh people equally, numbers of faces weigh faces.
    """
    parts = [(weight @ total) / (weight @ count) for weight in counts(len(total), resamples, seed, MEANS)]
    low, high = percentiles(np.concatenate(parts))
    return {name: float(total.sum() / count.sum()), f"{name}_ci95_low": low, f"{name}_ci95_high": high}


def mean_over_people(
    name: str, values: np.ndarray, person: np.ndarray, resamples: int, seed: int
) -> dict[str, float]:
    """`mean` of values [N] whose person is person [N]."""
    _, total, count = person_sums(values, person)
    return mean(name, total, count, resamples, seed)


def correlation(x: np.ndarray, y: np.ndarray, resamples: int, seed: int) -> tuple[float, float, float] | None:
    """Pearson's r of x and y [P], one value per person, and its 95 % percentile interval over people.

    None when it is undefined: fewer than three people, or x or y constant. Resamples in which one of them is
    constant are ignored.
    """
    if len(x) < FEWEST_PEOPLE:
        return None
    x, y = x - x.mean(), y - y.mean()
    value = float(_pearson(np.ones((1, len(x))), x, y)[0])
    if np.isnan(value):
        return None
    parts = [_pearson(weight, x, y) for weight in counts(len(x), resamples, seed, MEANS)]
    return value, *percentiles(np.concatenate(parts))


def _pearson(weight: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """r of centred x and y [P] with people weighted by each row of weight [r, P]: [r]; nan where x or y is
    constant."""
    n = weight.sum(axis=1)
    mx, my = weight @ x / n, weight @ y / n
    vx, vy = weight @ x**2 / n - mx**2, weight @ y**2 / n - my**2
    known = (vx > 1e-12 * (x**2).mean()) & (vy > 1e-12 * (y**2).mean())
    return np.where(known, (weight @ (x * y) / n - mx * my) / np.sqrt(np.where(known, vx * vy, 1.0)), np.nan)
