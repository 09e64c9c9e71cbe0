"""Accuracy by group and the gap: by hand, against brute force, and against the truth of simulations."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.evaluation.metrics.fairness import SHUFFLES, SMALLEST_GROUP, fairness
from deepfacegen.evaluation.metrics.matching import accuracy
from deepfacegen.evaluation.protocol.trials import Trials, no_groups, sample_trials


def trials_of(anchors: np.ndarray, impostors: np.ndarray) -> Trials:
    rows = np.arange(len(anchors))
    return Trials(rows, rows, rows, anchors, impostors)


def round_robin(people: int) -> Trials:
    """Every ordered pair of two people once."""
    anchors, impostors = np.nonzero(~np.eye(people, dtype=bool))
    return trials_of(anchors, impostors)


def simulated(seed: int, people: int, right: np.ndarray) -> tuple[np.ndarray, Trials]:
    """Outcomes of people [I] whose trials come out right so often, give or take what a person and an impostor
    are like."""
    rng = np.random.default_rng(seed)
    trials = sample_trials(np.repeat(np.arange(people), 2), np.arange(people), no_groups(people), 8, rng)
    chance = right[trials.anchor_identity] + 0.1 * (rng.uniform(-1, 1, (2, people)))[
        [[0], [1]], [trials.anchor_identity, trials.impostor_identity]
    ].sum(0)
    return (rng.random(len(trials)) < chance).astype(float), trials


def test_by_hand() -> None:
    trials = round_robin(10)
    women = np.arange(10) < 5
    # Women are right against women only, men always.
    outcome = np.where(women[trials.anchor_identity], women[trials.impostor_identity], True).astype(float)
    found = fairness(outcome, trials, {"women": women, "men": ~women}, 300, 0)
    assert found["groups"]["women"]["accuracy"] == pytest.approx(4 / 9)
    assert found["groups"]["women"]["ci95_low"] < 4 / 9 < found["groups"]["women"]["ci95_high"]
    assert found["groups"]["men"] == {
        "accuracy": 1.0,
        "ci95_low": 1.0,
        "ci95_high": 1.0,
        "trials": 45,
        "identities": 5,
    }
    assert found["gap"] == pytest.approx(5 / 9)
    assert (found["lowest"], found["highest"]) == ("women", "men")
    assert found["gap_ci95_low"] < 5 / 9 < found["gap_ci95_high"]
    assert found["left_out_identities"] == 0
    assert found["gap_shuffled"] < 0.5 * found["gap"]
    assert found["gap_p"] < 0.05


def test_a_group_of_everybody_has_the_interval_of_the_accuracy() -> None:
    outcome, trials = simulated(0, 30, np.full(30, 0.7))
    found = fairness(outcome, trials, {"all": np.ones(30, dtype=bool)}, 250, 7)
    assert found["groups"]["all"] == pytest.approx(accuracy(outcome, trials, 30, 250, 7).metrics())
    assert "gap" not in found


def test_intervals_equal_resampling_trial_by_trial() -> None:
    people, resamples, seed = 16, 130, 3
    outcome, trials = simulated(1, people, np.full(people, 0.6))
    groups = {
        "a": np.arange(people) < 6,
        "b": (np.arange(people) >= 6) & (np.arange(people) < 11),
        "c": np.arange(people) >= 11,
    }
    counts_rng = np.random.default_rng([seed, 1])
    counts = np.concatenate(
        [counts_rng.multinomial(people, np.full(people, 1 / people), size=n) for n in (100, 30)]
    )
    values = np.full((resamples, 3), np.nan)
    for r, w in enumerate(counts):
        for g, member in enumerate(groups.values()):
            top = bottom = 0.0
            for a, i, o in zip(trials.anchor_identity, trials.impostor_identity, outcome, strict=True):
                if member[a]:
                    top, bottom = top + w[a] * w[i] * o, bottom + w[a] * w[i]
            if bottom:
                values[r, g] = top / bottom
    found = fairness(outcome, trials, groups, resamples, seed)
    for g, name in enumerate(groups):
        cell = found["groups"][name]
        assert (cell["ci95_low"], cell["ci95_high"]) == pytest.approx(
            tuple(np.nanquantile(values[:, g], [0.025, 0.975]))
        )
        assert cell["accuracy"] == pytest.approx(outcome[groups[name][trials.anchor_identity]].mean())
        assert cell["trials"] == groups[name][trials.anchor_identity].sum()
    gaps = values.max(axis=1) - values.min(axis=1)
    assert (found["gap_ci95_low"], found["gap_ci95_high"]) == pytest.approx(
        tuple(np.nanquantile(gaps, [0.025, 0.975]))
    )


def test_shuffled_gaps_equal_those_of_relabelled_people() -> None:
    people, seed = 20, 4
    outcome, trials = simulated(2, people, np.where(np.arange(people) < 8, 0.8, 0.6))
    label = np.where(
        np.arange(people) < 8, 0, np.where(np.arange(people) < 18, 1, -1)
    )  # two people are of neither group
    found = fairness(outcome, trials, {"a": label == 0, "b": label == 1}, 10, seed)
    rng = np.random.default_rng([seed, 10])
    gaps = []
    for _ in range(SHUFFLES):
        shuffled = label.copy()
        shuffled[:18] = label[rng.permutation(18)]
        of = [outcome[shuffled[trials.anchor_identity] == g].mean() for g in (0, 1)]
        gaps.append(abs(of[0] - of[1]))
    assert found["gap_shuffled"] == pytest.approx(np.mean(gaps))
    assert found["gap_p"] == pytest.approx(
        (1 + np.sum(np.array(gaps) >= found["gap"] - 1e-12)) / (1 + SHUFFLES)
    )


def test_small_groups_are_left_out_and_counted() -> None:
    people = 2 * SMALLEST_GROUP + 4
    outcome, trials = simulated(3, people, np.full(people, 0.7))
    number = np.arange(people)
    groups = {
        "a": number < SMALLEST_GROUP,
        "b": (number >= SMALLEST_GROUP) & (number < 2 * SMALLEST_GROUP),
        "few": number >= people - 4,
    }
    found = fairness(outcome, trials, groups, 50, 0)
    assert set(found["groups"]) == {"a", "b"}
    assert found["left_out_identities"] == 4
    # Who has no trial of his own does not make a group larger.
    without = trials.anchor_identity != 0
    kept = trials_of(trials.anchor_identity[without], trials.impostor_identity[without])
    fewer = fairness(outcome[without], kept, groups, 50, 0)
    assert set(fewer["groups"]) == {"b"}
    assert fewer["left_out_identities"] == 4 + SMALLEST_GROUP - 1
    assert not {"gap", "gap_shuffled", "gap_p", "lowest", "highest"} & set(fewer)


@pytest.mark.parametrize("groups", [{}, {"few": np.arange(6) < 2}, {"nobody": np.zeros(6, dtype=bool)}])
def test_without_groups_nothing_is_said(groups: dict[str, np.ndarray]) -> None:
    outcome, trials = simulated(4, 6, np.full(6, 0.7))
    found = fairness(outcome, trials, groups, 50, 0)
    assert found == {"groups": {}, "left_out_identities": sum(int(mask.sum()) for mask in groups.values())}


def test_the_interval_of_a_wide_gap_covers_it() -> None:
    people = 60
    women = np.arange(people) < 30
    inside = cells = 0
    for seed in range(150):
        outcome, trials = simulated(seed, people, np.where(women, 0.5, 0.75))
        found = fairness(outcome, trials, {"women": women, "men": ~women}, 200, seed)
        inside += found["gap_ci95_low"] <= 0.25 <= found["gap_ci95_high"]
        cells += found["groups"]["women"]["ci95_low"] <= 0.5 <= found["groups"]["women"]["ci95_high"]
        assert found["lowest"] == "women"
    assert 0.88 <= inside / 150 <= 0.995
    assert 0.88 <= cells / 150 <= 0.995


def test_a_fair_system_shows_the_gap_of_shuffled_labels() -> None:
    people = 40
    groups = {str(number): np.arange(people) // 8 == number for number in range(5)}
    found = [fairness(*simulated(seed, people, np.full(people, 0.7)), groups, 5, seed) for seed in range(120)]
    gaps, shuffled, p = (np.array([one[key] for one in found]) for key in ("gap", "gap_shuffled", "gap_p"))
    assert gaps.mean() > 0.05
    assert shuffled.mean() == pytest.approx(gaps.mean(), rel=0.1)
    assert p.mean() == pytest.approx(0.5, abs=0.08)
    assert (p < 0.05).mean() < 0.12
