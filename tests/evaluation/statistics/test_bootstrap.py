"""Intervals over people against loops that repeat people one by one, and correlation against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from deepfacegen.evaluation.statistics import bootstrap


def draws(people: int, resamples: int, seed: int) -> np.ndarray:
    """Indices of the people of each resample [r, P], from the numbers that the code under test draws."""
    return np.array(
        [
            np.repeat(np.arange(people), w.astype(int))
            for part in bootstrap.counts(people, resamples, seed, bootstrap.MEANS)
            for w in part
        ]
    )


def test_sums_and_counts_of_each_person() -> None:
    people, total, count = bootstrap.person_sums(np.array([1.0, 2.0, 4.0, 8.0]), np.array([7, 3, 7, 5]))
    assert (people.tolist(), total.tolist(), count.tolist()) == ([3, 5, 7], [2.0, 8.0, 5.0], [1.0, 1.0, 2.0])


def test_every_resample_draws_as_many_people_as_there_are() -> None:
    for resamples in (1, 100, 250):
        parts = list(bootstrap.counts(9, resamples, 0, bootstrap.MEANS))
        assert sum(map(len, parts)) == resamples
        assert all((part.sum(axis=1) == 9).all() for part in parts)


def test_mean_and_its_interval_are_those_of_faces_put_together_again() -> None:
    rng = np.random.default_rng(1)
    person = rng.integers(0, 20, size=90)
    values = rng.normal(size=90) + person
    people, total, count = bootstrap.person_sums(values, person)
    metrics = bootstrap.mean("x", total, count, 150, 3)
    means = [
        np.concatenate([values[person == people[k]] for k in row]).mean()
        for row in draws(len(people), 150, 3)
    ]
    assert metrics["x"] == pytest.approx(values.mean())
    assert [metrics["x_ci95_low"], metrics["x_ci95_high"]] == pytest.approx(
        np.quantile(means, [0.025, 0.975])
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 30), st.floats(-2, 2), st.integers(0, 10_000), st.sampled_from([0.0, 1e4]))
def test_correlation_is_that_of_scipy(people: int, slope: float, seed: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=people)
    y = slope * x + rng.normal(size=people) + offset
    found = bootstrap.correlation(x + offset, y, 50, seed)
    assert found is not None
    assert found[0] == pytest.approx(pearsonr(x, y).statistic, abs=1e-6)
    assert -1.0 - 1e-9 <= found[1] <= found[2] <= 1.0 + 1e-9


def test_the_interval_of_a_correlation_is_that_of_people_repeated() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=25)
    y = x + rng.normal(size=25)
    found = bootstrap.correlation(x, y, 250, 4)
    assert found is not None
    values = [pearsonr(x[row], y[row]).statistic for row in draws(25, 250, 4)]
    assert found[1:] == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_correlation_that_is_not_defined_is_none() -> None:
    rising = np.arange(5.0)
    assert bootstrap.correlation(rising, np.full(5, 0.1), 50, 0) is None
    assert bootstrap.correlation(np.full(5, 0.1), rising, 50, 0) is None
    assert bootstrap.correlation(rising[:2], rising[:2], 50, 0) is None


def test_resamples_of_one_value_do_not_count() -> None:
    found = bootstrap.correlation(np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 2.0]), 200, 0)
    assert found == pytest.approx((1.0, 1.0, 1.0))
