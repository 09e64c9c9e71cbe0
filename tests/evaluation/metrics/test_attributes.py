"""Apparent genders and ages against listed ones, by hand and by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from deepfacegen.evaluation.metrics.attributes import age_error, gender_agreement


def test_genders_are_counted_by_hand() -> None:
    listed = np.array(["f", "f", "m", None, "m", "m"], dtype=object)
    metrics = gender_agreement(
        listed, np.array([0.1, 0.9, 0.8, 0.7, 0.5, 0.51]), np.array([0, 0, 1, 2, 3, 3]), 200, 0
    )
    assert (
        metrics["listed_f_generated_f"],
        metrics["listed_f_generated_m"],
        metrics["listed_m_generated_f"],
        metrics["listed_m_generated_m"],
    ) == (1, 1, 1, 2)
    assert metrics["agreement"] == pytest.approx(3 / 5)
    assert metrics["identities"] == 3
    assert metrics["agreement_ci95_low"] < 3 / 5 < metrics["agreement_ci95_high"]


def test_many_faces_of_a_person_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)
    listed, male = rng.choice(np.array(["f", "m"], dtype=object), 50), rng.random(50)
    one, ten = (
        gender_agreement(np.repeat(listed, n), np.repeat(male, n), np.repeat(np.arange(50), n), 300, 1)
        for n in (1, 10)
    )
    for key in ("agreement", "agreement_ci95_low", "agreement_ci95_high"):
        assert one[key] == pytest.approx(ten[key])


def test_without_known_genders_there_is_no_agreement() -> None:
    metrics = gender_agreement(
        np.array([None, None], dtype=object), np.array([0.1, 0.9]), np.array([0, 1]), 100, 0
    )
    assert "agreement" not in metrics
    assert sum(metrics.values()) == 0


def test_ages_by_hand_people_count_equally() -> None:
    reference = np.array([20.0, 20.0, 20.0, 40.0, np.nan, 60.0])
    apparent = np.array([30.0, 20.0, 40.0, 36.0, 5.0, 50.0])  # means 30, 36, 50
    person = np.array([4, 4, 4, 1, 2, 0])
    metrics = age_error(reference, apparent, person, 200, 0)
    assert metrics["mae_years"] == pytest.approx((10 + 4 + 10) / 3)
    assert metrics["mae_of_mean_years"] == pytest.approx((20 + 0 + 20) / 3)
    assert metrics["r"] == pytest.approx(pearsonr([20, 40, 60], [30, 36, 50]).statistic)
    assert metrics["identities"] == 3
    assert 4 <= metrics["mae_years_ci95_low"] <= metrics["mae_years"] <= metrics["mae_years_ci95_high"] <= 10


def test_ages_of_one_guess_have_its_error_and_no_correlation() -> None:
    reference = np.random.default_rng(3).uniform(20, 70, size=40)
    metrics = age_error(reference, np.full(40, reference.mean()), np.arange(40), 100, 0)
    assert metrics["mae_years"] == pytest.approx(metrics["mae_of_mean_years"])
    assert "r" not in metrics


def test_unrelated_ages_do_not_correlate_and_right_ones_do() -> None:
    rng = np.random.default_rng(4)
    reference, noise = rng.uniform(20, 70, size=(2, 300))
    unrelated, right = (
        age_error(reference, apparent, np.arange(300), 300, 0)
        for apparent in (noise, reference + 0.1 * noise)
    )
    assert unrelated["r_ci95_low"] < 0 < unrelated["r_ci95_high"]
    assert right["r_ci95_low"] > 0.9
    assert unrelated["mae_years"] > unrelated["mae_of_mean_years"]


def test_without_known_ages_nothing_is_computed() -> None:
    assert age_error(np.full(3, np.nan), np.full(3, 30.0), np.arange(3), 100, 0) == {"identities": 0}
