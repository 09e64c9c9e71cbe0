"""Accuracy by hand, intervals against brute force and against the truth of a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.metrics.matching import accuracy, interval, outcomes
from deepfacegen.evaluation.protocol.trials import Trials, no_groups, sample_trials
from deepfacegen.evaluation.scores import dot_rows


def trials_of(anchors: list[int], impostors: list[int]) -> Trials:
    rows = np.arange(len(anchors))
    return Trials(rows, rows, rows, np.array(anchors), np.array(impostors))


def test_right_wrong_and_tie() -> None:
    assert outcomes(np.array([0.9, 0.1, 0.5]), np.array([0.2, 0.4, 0.5])).tolist() == [1.0, 0.0, 0.5]


def test_accuracy_counts_trials_and_people_who_take_part() -> None:
    found = accuracy(
        np.array([1.0, 0.5, 0.0, 1.0]),
        trials_of([0, 1, 2, 0], [1, 2, 0, 2]),
        identities=5,
        resamples=200,
        seed=0,
    )
    assert found.accuracy == 0.625
    assert found.trials == 4
    assert found.identities == 3
    assert 0.0 <= found.ci95_low <= 0.625 <= found.ci95_high <= 1.0


def test_all_right_has_no_spread() -> None:
    found = accuracy(np.ones(4), trials_of([0, 1, 2, 3], [1, 2, 3, 0]), 4, 300, 0)
    assert (found.ci95_low, found.ci95_high) == (1.0, 1.0)


def test_interval_equals_resampling_trial_by_trial() -> None:
    rng = np.random.default_rng(5)
    people, resamples, seed = 7, 150, 9
    anchors = rng.integers(people, size=60)
    impostors = (anchors + rng.integers(1, people, size=60)) % people
    outcome = rng.integers(0, 2, size=60).astype(float)
    right, weight = np.zeros((people, people)), np.zeros((people, people))
    for a, i, o in zip(anchors, impostors, outcome, strict=True):
        right[a, i] += o
        weight[a, i] += 1
    counts_rng = np.random.default_rng([seed, 1])
    counts = np.concatenate(
        [counts_rng.multinomial(people, np.full(people, 1 / people), size=n) for n in (100, 50)]
    )
    values = []
    for w in counts:
        terms = [(w[a] * w[i] * o, w[a] * w[i]) for a, i, o in zip(anchors, impostors, outcome, strict=True)]
        values.append(sum(t for t, _ in terms) / sum(b for _, b in terms))
    assert interval(right, weight, resamples, seed) == pytest.approx(
        tuple(np.quantile(values, [0.025, 0.975]))
    )


def test_dot_rows_equals_the_matrix() -> None:
    rng = np.random.default_rng(0)
    left, right = (
        rng.standard_normal((5, 8)).astype(np.float32),
        rng.standard_normal((6, 8)).astype(np.float32),
    )
    i, j = rng.integers(5, size=40), rng.integers(6, size=40)
    np.testing.assert_allclose(dot_rows(left, right, i, j), (left @ right.T)[i, j], rtol=1e-5)


def simulated(seed: int, people: int, skill: float) -> tuple[np.ndarray, Trials]:
    """Outcomes where clips and photos are noisy pictures of a person's latent vector; skill 0 hears
    nothing."""
    rng = np.random.default_rng(seed)
    latent, owner = rng.standard_normal((people, 6)), np.repeat(np.arange(people), 3)
    misheard = rng.standard_normal((people, 6))[
        owner
    ]  # shared by a person's clips, so that trials of a person are alike
    voices = unit(skill * latent[owner] + misheard + rng.standard_normal((len(owner), 6)))
    photos = unit(latent[owner] + 0.5 * rng.standard_normal((len(owner), 6)))
    trials = sample_trials(owner, owner, no_groups(people), 10, rng)
    return outcomes(
        dot_rows(voices, photos, trials.probe, trials.positive),
        dot_rows(voices, photos, trials.probe, trials.impostor),
    ), trials


def test_intervals_cover_the_truth() -> None:
    truth = np.mean([simulated(5000 + seed, 300, 0.8)[0].mean() for seed in range(20)])
    inside = 0
    for seed in range(200):
        outcome, trials = simulated(seed, 40, 0.8)
        found = accuracy(outcome, trials, 40, 200, seed)
        inside += found.ci95_low <= truth <= found.ci95_high
    assert 0.90 <= inside / 200 <= 0.99


def test_who_hears_nothing_is_at_chance() -> None:
    outcome, trials = simulated(3, 200, 0.0)
    found = accuracy(outcome, trials, 200, 300, 0)
    assert found.accuracy == pytest.approx(0.5, abs=0.05)
    assert found.ci95_low < 0.5 < found.ci95_high
