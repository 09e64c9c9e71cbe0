"""AUC and EER of trial lists against scikit-learn and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from deepfacegen.evaluation.metrics.verification import trial_verification
from deepfacegen.evaluation.protocol.trials import no_groups, sample_trials
from deepfacegen.evaluation.statistics import rates


def weighted_rates(scores: np.ndarray, same: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order, last = rates.thresholds(scores)
    return rates.weighted(last, same[order], weight[:, order])


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    false_alarm, hit, _ = roc_curve(same, scores)
    return float(rates.eer(false_alarm, hit))


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10_000), st.sampled_from([0, 2, 5]))
def test_rates_are_those_of_sklearn(half: int, seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    same = rng.permutation(np.repeat([True, False], half))
    scores = rng.normal(size=2 * half) + same
    if levels:
        scores = np.round(scores * levels) / levels  # many ties
    weight = rng.integers(1, 4, size=(3, 2 * half)).astype(float)
    auc, eer = weighted_rates(scores, same, weight)
    for r in range(3):
        assert auc[r] == pytest.approx(roc_auc_score(same, scores, sample_weight=weight[r]))
    plain_auc, plain_eer = weighted_rates(scores, same, np.ones((1, 2 * half)))
    assert plain_auc[0] == pytest.approx(roc_auc_score(same, scores))
    # sklearn's curve leaves collinear points out, which moves no point of the curve.
    assert plain_eer[0] == pytest.approx(equal_error_rate(scores, same))
    # A whole-number weight is that many copies of the pair.
    copies = weight[0].astype(int)
    assert eer[0] == pytest.approx(equal_error_rate(np.repeat(scores, copies), np.repeat(same, copies)))


def test_hand_made_cases() -> None:
    same = np.array([True, True, False, False])
    one = np.ones((1, 4))
    for scores, auc, eer in (
        ([4, 3, 2, 1], 1.0, 0.0),
        ([1, 2, 3, 4], 0.0, 1.0),
        ([5, 5, 5, 5], 0.5, 0.5),
        ([4, 2, 3, 1], 0.75, 0.5),
    ):
        found = weighted_rates(np.array(scores, dtype=float), same, one)
        assert (found[0][0], found[1][0]) == pytest.approx((auc, eer))


def test_trials_as_pairs_with_an_interval_over_people() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(30), 3)
    trials = sample_trials(owner, owner, no_groups(30), 10, rng)
    right, wrong = rng.normal(0.5, 1, len(trials)), rng.normal(0, 1, len(trials))
    found = trial_verification(right, wrong, trials, 200, 0)
    assert found["pairs"] == 2 * len(trials) == 1800
    assert found["identities"] == 30
    assert found["auc"] == pytest.approx(
        roc_auc_score(np.repeat([1, 0], len(trials)), np.concatenate([right, wrong]))
    )
    for name in ("auc", "eer"):
        assert found[f"{name}_ci95_low"] < found[name] < found[f"{name}_ci95_high"]
    # Two normals half a deviation apart: AUC = Phi(0.5 / sqrt 2) = 0.638, EER = Phi(-0.25) = 0.401.
    assert found["auc"] == pytest.approx(0.638, abs=0.04)
    assert found["eer"] == pytest.approx(0.401, abs=0.04)
    assert trial_verification(right, wrong, trials, 200, 0) == found
