"""Forced-choice trials: who meets whom, how often, and who is left out."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.evaluation.protocol.trials import LEFT_OUT, by_gender, no_groups, sample_trials

GENDERS = np.array(["f", "m", None, "f", "m", "m"], dtype=object)
CLIPS = np.repeat(np.arange(6), 2)
FACES = np.repeat(np.arange(6), [1, 2, 3, 1, 2, 3])


def test_positive_is_the_anchor_and_impostor_is_not() -> None:
    trials = sample_trials(CLIPS, FACES, no_groups(6), 30, np.random.default_rng(0))
    assert len(trials) == 12 * 30
    assert (np.bincount(trials.probe, minlength=12) == 30).all()
    assert (FACES[trials.positive] == CLIPS[trials.probe]).all()
    assert (FACES[trials.impostor] != CLIPS[trials.probe]).all()
    assert (trials.anchor_identity == CLIPS[trials.probe]).all()
    assert (trials.impostor_identity == FACES[trials.impostor]).all()


def test_impostors_are_uniform_over_people_not_over_photos() -> None:
    trials = sample_trials(CLIPS, FACES, no_groups(6), 3000, np.random.default_rng(1))
    of_first = trials.impostor_identity[trials.anchor_identity == 0]
    share = np.bincount(of_first, minlength=6) / len(of_first)
    assert share[0] == 0
    assert share[1:] == pytest.approx(np.full(5, 0.2), abs=0.03)


def test_grouped_impostors_share_the_gender_and_unknowns_take_no_part() -> None:
    groups = by_gender(GENDERS)
    assert groups.tolist() == [0, 1, LEFT_OUT, 0, 1, 1]
    trials = sample_trials(CLIPS, FACES, groups, 50, np.random.default_rng(2))
    assert len(trials) == 10 * 50
    assert (GENDERS[trials.anchor_identity] == GENDERS[trials.impostor_identity]).all()
    assert 2 not in trials.anchor_identity
    assert 2 not in trials.impostor_identity
    assert (trials.anchor_identity != trials.impostor_identity).all()
    assert set(trials.impostor_identity[trials.anchor_identity == 0]) == {3}


def test_a_group_of_one_has_no_trials() -> None:
    trials = sample_trials(
        np.arange(3),
        np.arange(3),
        by_gender(np.array(["f", "m", "m"], dtype=object)),
        5,
        np.random.default_rng(0),
    )
    assert set(trials.anchor_identity) == {1, 2}


def test_nobody_of_known_gender_gives_no_trials() -> None:
    assert (
        len(
            sample_trials(
                np.arange(3),
                np.arange(3),
                by_gender(np.array([None] * 3, dtype=object)),
                5,
                np.random.default_rng(0),
            )
        )
        == 0
    )


def test_same_seed_same_trials() -> None:
    one, two = (sample_trials(CLIPS, FACES, no_groups(6), 7, np.random.default_rng([3, 1])) for _ in range(2))
    for name in ("probe", "positive", "impostor", "impostor_identity"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
