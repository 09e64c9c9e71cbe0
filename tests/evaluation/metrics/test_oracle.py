"""Attribute oracles against published counts, brute force and their own trials."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.evaluation.metrics.oracle import attribute_oracle, attribute_outcomes
from deepfacegen.evaluation.protocol.groups import jointly
from deepfacegen.evaluation.protocol.trials import LEFT_OUT, by_gender, no_groups, sample_trials


def genders(men: int, women: int, unknown: int = 0) -> np.ndarray:
    return by_gender(np.array(["m"] * men + ["f"] * women + [None] * unknown, dtype=object))


@pytest.mark.parametrize(("men", "women", "expected"), [(119, 74, 0.738), (151, 99, 0.740)])
def test_known_test_sets(men: int, women: int, expected: float) -> None:
    """VoxCeleb1 identities C to E, and the 250 identities of the learnable-PINs split."""
    known = genders(men, women)
    assert attribute_oracle(known, no_groups(men + women)) == pytest.approx(expected, abs=0.0005)
    assert attribute_oracle(known, known) == 0.5


# Women and men by nationality among the 193 VoxCeleb1 identities C to E, counted in vox1_meta.csv.
C_TO_E = {
    "USA": (54, 68),
    "UK": (6, 22),
    "Canada": (3, 8),
    "Australia": (1, 6),
    "Ireland": (3, 4),
    "Mexico": (0, 4),
    "Germany": (1, 1),
    "Norway": (1, 1),
    **dict.fromkeys(("France", "Guyana", "Italy", "Netherlands", "Philippines"), (1, 0)),
    **dict.fromkeys(("China", "India", "New Zealand", "Portugal", "Spain"), (0, 1)),
}


def test_gender_and_nationality_on_a_known_test_set() -> None:
    counts = np.array(list(C_TO_E.values()))
    assert counts.sum(axis=0).tolist() == [74, 119]
    gender = np.repeat(np.tile([0, 1], len(counts)), counts.reshape(-1))
    nationality = np.repeat(np.repeat(np.arange(len(counts)), 2), counts.reshape(-1))
    assert attribute_oracle(jointly(gender, nationality), no_groups(193)) == pytest.approx(0.892, abs=0.0005)
    men, women = (np.where(gender == code, 0, LEFT_OUT) for code in (1, 0))
    assert attribute_oracle(nationality, men) == pytest.approx(0.817, abs=0.0005)
    assert attribute_oracle(nationality, women) == pytest.approx(0.731, abs=0.0005)


def brute_force(known: np.ndarray, groups: np.ndarray) -> float:
    by_anchor = []
    for a, group in enumerate(groups):
        others = [i for i in range(len(groups)) if i != a and groups[i] == group != LEFT_OUT]
        if others:
            by_anchor.append(
                np.mean(
                    [
                        1.0 if known[a] != known[i] and LEFT_OUT not in (known[a], known[i]) else 0.5
                        for i in others
                    ]
                )
            )
    return float(np.mean(by_anchor))


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 1)), min_size=2, max_size=12))
def test_equals_counting_all_pairs(people: list[tuple[int, int]]) -> None:
    known, groups = np.array(people).T
    if np.bincount(groups + 1, minlength=3)[1:].max() < 2:
        with pytest.raises(ValueError, match="no group has two people"):
            attribute_oracle(known, groups)
    else:
        assert attribute_oracle(known, groups) == pytest.approx(brute_force(known, groups))


def test_trials_agree_with_the_closed_form() -> None:
    known, owner = genders(30, 20, 5), np.repeat(np.arange(55), 4)
    trials = sample_trials(owner, owner, no_groups(55), 50, np.random.default_rng(0))
    assert attribute_outcomes(trials, known).mean() == pytest.approx(
        attribute_oracle(known, no_groups(55)), abs=0.01
    )
    grouped = sample_trials(owner, owner, known, 5, np.random.default_rng(0))
    assert set(attribute_outcomes(grouped, known)) == {0.5}


def test_what_is_known_beyond_the_group_counts_within_it() -> None:
    """Gender and nationality known, impostors of the same gender: of four men two share a nationality, so 2
    of 3 impostors give it away."""
    gender, nationality = np.array([0, 0, 0, 0]), np.array([0, 0, 1, 1])
    assert attribute_oracle(nationality, gender) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_nobody_listed_is_chance() -> None:
    assert attribute_oracle(genders(0, 0, 6), no_groups(6)) == 0.5
