"""The gender oracle against published counts, brute force and its own trials."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.evaluation.oracle import gender_oracle, gender_outcomes
from deepfacegen.evaluation.trials import by_gender, draw_trials, no_groups


def genders(men: int, women: int, unknown: int = 0) -> np.ndarray:
    return by_gender(np.array(["m"] * men + ["f"] * women + [None] * unknown, dtype=object))


@pytest.mark.parametrize(("men", "women", "expected"), [(119, 74, 0.738), (151, 99, 0.740)])
def test_known_test_sets(men: int, women: int, expected: float) -> None:
    """VoxCeleb1 identities C to E, and the 250 identities of the learnable-PINs split."""
    assert gender_oracle(genders(men, women)) == pytest.approx(expected, abs=0.0005)


def test_equals_counting_all_pairs() -> None:
    groups = genders(4, 3, 2)
    right = [1.0 if groups[a] != groups[b] and min(groups[a], groups[b]) >= 0 else 0.5 for a in range(9) for b in range(9) if a != b]
    assert gender_oracle(groups) == pytest.approx(np.mean(right))


def test_trials_agree_with_the_closed_form() -> None:
    groups, owner = genders(30, 20, 5), np.repeat(np.arange(55), 4)
    trials = draw_trials(owner, owner, no_groups(55), 50, np.random.default_rng(0))
    assert gender_outcomes(trials, groups).mean() == pytest.approx(gender_oracle(groups), abs=0.01)
    grouped = draw_trials(owner, owner, groups, 5, np.random.default_rng(0))
    assert set(gender_outcomes(grouped, groups)) == {0.5}


def test_nobody_listed_is_chance() -> None:
    assert gender_oracle(genders(0, 0, 6)) == 0.5
