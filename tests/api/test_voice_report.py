"""Estimates from a voice: their values for readouts that are known, and when they are withheld."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepfacegen.api.voice_report import Age, report
from deepfacegen.release.traits import AgeReadout, GenderReadout, Traits, Typicality

# Of 100 training voices, one is at each distance 0.1, 0.2, ... 10 from the mean.
TYPICALITY = Typicality(np.zeros(2), np.eye(2), np.linspace(0, 10, 101))
GENDER = GenderReadout(np.array([1.0, 0.0]), 0.0, 2.0)
AGE = AgeReadout(np.array([0.0, 10.0]), 30.0, 10.0)
TRAITS = Traits(GENDER, AGE, TYPICALITY)


def test_a_familiar_voice_has_all_estimates() -> None:
    found = report(TRAITS, np.array([0.6, 0.8], np.float32), 200.0)  # at distance 1 of 10
    assert found.typicality == pytest.approx(0.9)
    assert found.familiar
    assert found.pitch_hz == 200.0
    assert found.apparent_gender == pytest.approx(
        {"f": 1 / (1 + math.exp(-1.2)), "m": 1 / (1 + math.exp(1.2))}
    )
    assert found.apparent_age == Age(*(pytest.approx(x, abs=0.01) for x in (38, 38 - 12.816, 38 + 12.816)))


@pytest.mark.parametrize(("distance", "familiar"), [(9.4, True), (9.6, False), (10.0, False), (1e3, False)])
def test_gender_and_age_are_withheld_from_a_voice_that_training_had_hardly_any_of(
    distance: float, familiar: bool
) -> None:
    found = report(TRAITS, np.array([distance, 0.0]), None)
    assert found.typicality == pytest.approx(max(0.0, 1 - distance / 10))
    assert found.familiar is familiar
    assert (found.apparent_gender is not None, found.apparent_age is not None) == (familiar, familiar)


def test_a_release_without_labels_has_a_typicality_alone() -> None:
    found = report(Traits(None, None, TYPICALITY), np.zeros(2), None)
    assert (found.apparent_gender, found.apparent_age, found.familiar) == (None, None, True)
