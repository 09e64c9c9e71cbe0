"""Retrieval against brute force, scikit-learn and closed forms."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from deepfacegen.evaluation.metrics import retrieval
from deepfacegen.evaluation.metrics.retrieval import chance, rank, summarise
from deepfacegen.evaluation.statistics import bootstrap


def world(people: int, entries: int, seed: int, levels: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores [P, G] (on few levels: many ties), whose each probe and each entry is; everybody has at least
    one entry."""
    rng = np.random.default_rng(seed)
    gallery = rng.permutation(np.concatenate([np.arange(people), rng.integers(0, people, entries - people)]))
    probes = rng.integers(0, people, 2 * people)
    scores = rng.normal(size=(len(probes), entries)) + (probes[:, None] == gallery)
    return (np.round(scores * levels) / levels if levels else scores), probes, gallery


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.integers(0, 12), st.integers(0, 10_000), st.sampled_from([0, 1, 2]))
def test_ranks_and_precision_are_those_of_brute_force_and_sklearn(
    people: int, more: int, seed: int, levels: int
) -> None:
    scores, probes, gallery = world(people, people + more, seed, levels)
    found = rank(lambda rows: scores[rows], probes, gallery)
    for i, person in enumerate(probes):
        own = scores[i][gallery == person].max()
        assert found.best_rank[i] == 1 + sum(score >= own for score in scores[i][gallery != person])
        assert found.average_precision[i] == pytest.approx(
            average_precision_score(gallery == person, scores[i])
        )


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, probes, gallery = world(20, 50, 1)
    whole = rank(lambda rows: scores[rows], probes, gallery)
    monkeypatch.setattr(retrieval, "BLOCK_CELLS", 150)
    parts = rank(lambda rows: scores[rows], probes, gallery)
    np.testing.assert_array_equal(whole.best_rank, parts.best_rank)
    np.testing.assert_array_equal(whole.average_precision, parts.average_precision)


def test_one_score_for_everybody_helps_nobody() -> None:
    found = rank(lambda rows: np.zeros((len(rows), 9)), np.array([0, 1, 2]), np.arange(9))
    assert found.best_rank.tolist() == [9, 9, 9]


def test_a_probe_without_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="probe 1 has no entry"):
        rank(lambda rows: np.zeros((len(rows), 2)), np.array([0, 5]), np.array([0, 1]))


def test_chance_is_hypergeometric() -> None:
    for gallery, own, k in ((10, 1, 1), (10, 3, 2), (100, 5, 10), (6, 5, 2)):
        expected = 1 - comb(gallery - own, k) / comb(gallery, k)
        assert chance(gallery, np.array([own]), k)[0] == pytest.approx(expected)


def test_random_scores_are_at_chance_and_perfect_ones_are_perfect() -> None:
    rng = np.random.default_rng(3)
    gallery, probes = np.arange(300) % 100, np.arange(1000) % 100
    noise = rng.normal(size=(1000, 300))
    found = summarise(rank(lambda rows: noise[rows], probes, gallery), probes, np.full(1000, 3), 500, 0)
    for k in (1, 5, 10):
        assert found[f"recall_at_{k}_ci95_low"] <= found[f"recall_at_{k}_chance"] + 0.01
        assert found[f"recall_at_{k}_ci95_high"] >= found[f"recall_at_{k}_chance"] - 0.01
    assert (found["gallery"], found["probes"], found["identities"]) == (300, 1000, 100)
    same = (probes[:, None] == gallery).astype(float)
    perfect = summarise(rank(lambda rows: same[rows], probes, gallery), probes, np.full(1000, 3), 100, 0)
    assert perfect["recall_at_1"] == perfect["map"] == 1.0
    assert perfect["median_rank"] == 1.0


def test_a_small_gallery_has_no_high_recalls() -> None:
    found = summarise(
        rank(lambda rows: np.eye(3)[rows], np.arange(3), np.arange(3)), np.arange(3), np.ones(3), 100, 0
    )
    assert "recall_at_2" in found
    assert "recall_at_5" not in found
    assert found["recall_at_1"] == 1.0


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        rate = rng.beta(4, 4, size=40)  # each person has a rate of their own; the mean is 0.5
        people = np.repeat(np.arange(40), 5)
        found = bootstrap.mean_over_people(
            "x", (rng.random(200) < rate[people]).astype(float), people, 300, trial
        )
        covered += found["x_ci95_low"] <= 0.5 <= found["x_ci95_high"]
    assert 0.90 <= covered / 200 <= 0.99
