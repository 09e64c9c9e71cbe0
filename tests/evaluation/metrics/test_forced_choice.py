"""Choices of one among N: lists without repetition, ties, chance, and intervals against the full bootstrap
and against the truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.metrics.forced_choice import accuracies, hits
from deepfacegen.evaluation.metrics.matching import accuracy
from deepfacegen.evaluation.protocol.trials import (
    CANDIDATES,
    LEFT_OUT,
    Lists,
    Trials,
    no_groups,
    sample_lists,
)

PEOPLE = 14
CLIPS = np.repeat(np.arange(PEOPLE), 2)
FACES = np.repeat(np.arange(PEOPLE), np.arange(PEOPLE) % 3 + 1)


def test_a_list_has_the_own_person_first_and_nobody_twice() -> None:
    lists = sample_lists(CLIPS, FACES, no_groups(PEOPLE), 40, np.random.default_rng(0))
    assert (np.bincount(lists.probe) == 40).all()
    assert (lists.identity[:, 0] == CLIPS[lists.probe]).all()
    assert (FACES[lists.candidate] == lists.identity).all()
    assert all(len(set(row)) == CANDIDATES for row in lists.identity.tolist())


def test_every_place_of_a_list_is_uniform_over_the_others() -> None:
    lists = sample_lists(CLIPS, FACES, no_groups(PEOPLE), 4000, np.random.default_rng(1))
    of_third = lists.identity[lists.identity[:, 0] == 3]
    for place in (1, 2, CANDIDATES - 1):
        share = np.bincount(of_third[:, place], minlength=PEOPLE) / len(of_third)
        assert share[3] == 0
        assert np.delete(share, 3) == pytest.approx(np.full(PEOPLE - 1, 1 / (PEOPLE - 1)), abs=0.015)


def test_every_pair_of_impostors_is_equally_likely() -> None:
    lists = sample_lists(
        np.zeros(1, dtype=int), np.arange(11), no_groups(11), 20_000, np.random.default_rng(2)
    )
    found = {pair: 0 for pair in itertools.permutations(range(1, 11), 2)}
    for pair in map(tuple, lists.identity[:, 1:3].tolist()):
        found[pair] += 1
    assert np.array(list(found.values())) / 20_000 == pytest.approx(np.full(90, 1 / 90), abs=0.004)


def test_groups_too_small_for_a_list_take_no_part() -> None:
    groups = np.array([0] * 10 + [1] * 3 + [LEFT_OUT])
    lists = sample_lists(CLIPS, FACES, groups, 5, np.random.default_rng(3))
    assert len(lists) == 20 * 5
    assert set(lists.identity.ravel()) == set(range(10))


def test_right_wrong_and_ties() -> None:
    scores = np.array([[5, 1, 2, 3], [2, 1, 9, 0], [4, 4, 1, 4], [1, 2, 1, 0]], dtype=float)
    np.testing.assert_allclose(hits(scores), [[1, 1, 1], [1, 0, 0], [1 / 2, 1 / 2, 1 / 3], [0, 0, 0]])


def test_who_scores_at_random_is_at_chance() -> None:
    rng = np.random.default_rng(4)
    lists = sample_lists(CLIPS, FACES, no_groups(PEOPLE), 300, rng)
    found = accuracies(hits(rng.normal(size=lists.candidate.shape)), lists, 100, 0)
    for n in range(2, CANDIDATES + 1):
        assert found[f"of_{n}"]["chance"] == 1 / n
        assert found[f"of_{n}"]["accuracy"] == pytest.approx(1 / n, abs=0.02)


def test_one_score_for_everybody_is_exactly_at_chance() -> None:
    lists = sample_lists(CLIPS, FACES, no_groups(PEOPLE), 3, np.random.default_rng(5))
    found = accuracies(hits(np.zeros(lists.candidate.shape)), lists, 100, 0)
    assert [found[f"of_{n}"]["accuracy"] for n in range(2, CANDIDATES + 1)] == pytest.approx(
        [1 / n for n in range(2, CANDIDATES + 1)]
    )


def simulated(seed: int, people: int) -> tuple[np.ndarray, Lists]:
    """Scores where voices and faces are noisy pictures of a person's latent vector, as in the tests of two
    candidates."""
    rng = np.random.default_rng(seed)
    latent, owner = rng.standard_normal((people, 6)), np.repeat(np.arange(people), 3)
    misheard = rng.standard_normal((people, 6))[owner]
    voices = unit(0.8 * latent[owner] + misheard + rng.standard_normal((len(owner), 6)))
    photos = unit(latent[owner] + 0.5 * rng.standard_normal((len(owner), 6)))
    lists = sample_lists(owner, owner, no_groups(people), 5, rng)
    return hits(np.einsum("td,tcd->tc", voices[lists.probe], photos[lists.candidate])), lists


def test_the_interval_for_two_is_a_little_tighter_than_the_full_bootstrap() -> None:
    """Which counts the chance of a single trial for both of its people, and covers the truth in 97 to 98 % of
    the simulations below."""
    hit, lists = simulated(7, 60)
    found = accuracies(hit, lists, 2000, 1)["of_2"]
    rows = np.arange(len(lists))
    full = accuracy(
        hit[:, 0], Trials(rows, rows, rows, lists.identity[:, 0], lists.identity[:, 1]), 60, 2000, 1
    )
    assert found["accuracy"] == full.accuracy
    assert 0.7 < (found["ci95_high"] - found["ci95_low"]) / (full.ci95_high - full.ci95_low) < 1.0


def test_intervals_cover_the_truth() -> None:
    truth = np.mean([simulated(5000 + seed, 300)[0].mean(axis=0) for seed in range(20)], axis=0)
    inside = np.zeros(CANDIDATES - 1)
    for seed in range(200):
        hit, lists = simulated(seed, 40)
        found = accuracies(hit, lists, 300, seed)
        cells = [found[f"of_{n}"] for n in range(2, CANDIDATES + 1)]
        inside += [
            cell["ci95_low"] <= true <= cell["ci95_high"] for cell, true in zip(cells, truth, strict=True)
        ]
    share = inside / 200
    assert (share >= 0.90).all(), share
    assert (share <= 0.99).all(), share
