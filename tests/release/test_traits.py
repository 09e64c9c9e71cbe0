"""Readouts: they find what is in the voices, say how sure they are rightly, and are left out where too few
people are labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from deepfacegen.errors import UserError
from deepfacegen.release import fit, quality, traits
from deepfacegen.release.fit import LabelledVoices

DIM, CLIPS = 12, 3


def voices(people: int, seed: int, overlap: float = 1.0) -> LabelledVoices:
    """Three clips each; gender along the first direction, age along the second (10 years a unit, 5 more
    unexplained), the rest noise."""
    rng = np.random.default_rng(seed)
    gender = np.where(np.arange(people) % 2 == 0, 1.0, -1.0)
    age = rng.uniform(20, 70, people)
    own = rng.normal(0, 1, (people, DIM))
    own[:, 0] = gender + overlap * rng.normal(0, 1, people)
    own[:, 1] = (age + rng.normal(0, 5, people)) / 10
    person = np.repeat(np.arange(people), CLIPS)
    return LabelledVoices(
        own[person] + rng.normal(0, 0.1, (len(person), DIM)), person, gender[person], age[person]
    )


TRAINING, VALIDATION, TEST = voices(300, 0), voices(120, 1), voices(300, 2)


@pytest.fixture(scope="module")
def found() -> traits.Traits:
    return fit.fit(TRAINING, VALIDATION)


def test_gender_is_found_about_as_well_as_can_be(found: traits.Traits) -> None:
    """One direction, means 2 deviations apart: the best possible accuracy is Phi(1) = 0.841."""
    metrics = quality.measure(found, TRAINING, VALIDATION, TEST)["gender"]["unseen"]
    assert 0.78 < metrics["accuracy"] < 0.90
    assert metrics["identities"] == 300
    assert metrics["clips"] == 900
    assert metrics["auc"] == pytest.approx(
        roc_auc_score(TEST.gender > 0, found.gender.female(TEST.embeddings)), abs=1e-9
    )


def test_probabilities_are_as_sure_as_they_should_be(found: traits.Traits) -> None:
    metrics = quality.measure(found, TRAINING, VALIDATION, TEST)["gender"]["unseen"]
    assert metrics["mean_confidence"] == pytest.approx(metrics["accuracy"], abs=0.05)
    true = 1 / (
        1 + np.exp(-2 * TEST.embeddings[:, 0])
    )  # two normal distributions of unit deviation at 1 and -1
    assert np.abs(found.gender.female(TEST.embeddings) - true).mean() < 0.06


def test_separable_people_do_not_make_it_certain() -> None:
    found = fit.fit_gender(voices(100, 3, overlap=0.0), voices(20, 4, overlap=0.0))
    assert found is not None
    sure = found.female(voices(40, 5, overlap=0.0).embeddings)
    assert 0.85 < sure[0] < 0.999


def test_age_and_its_interval(found: traits.Traits) -> None:
    metrics = quality.measure(found, TRAINING, VALIDATION, TEST)["age"]["unseen"]
    assert metrics["mae_years"] == pytest.approx(
        5 * np.sqrt(2 / np.pi), rel=0.2
    )  # of a normal error of 5 years
    assert metrics["mae_of_mean_years"] == pytest.approx(12.5, rel=0.15)  # of 20 to 70 years, evenly
    assert metrics["coverage_80"] == pytest.approx(0.8, abs=0.08)
    low, high = found.age.interval(np.array([3.0, 50.0]))
    assert low[0] == 0
    assert (high - low)[1] == pytest.approx(2 * 1.28155 * found.age.deviation_years, rel=1e-4)
    assert metrics["interval_years"] == pytest.approx((high - low)[1], rel=0.01)


def test_typicality_of_unseen_voices_is_spread_like_that_of_training_voices(found: traits.Traits) -> None:
    metrics = quality.measure(found, TRAINING, VALIDATION, TEST)["typicality"]
    for population in ("seen", "unseen"):
        assert metrics[population]["mean"] == pytest.approx(0.5, abs=0.06)
        assert metrics[population]["below_tenth"] == pytest.approx(0.1, abs=0.05)
    strange = TRAINING.embeddings.mean(axis=0)[None] + 10
    assert found.typicality.share(strange)[0] == 0
    assert found.typicality.share(TRAINING.embeddings.mean(axis=0)[None])[0] == 1


def test_validation_people_set_the_errors_and_test_people_nothing() -> None:
    wrong = LabelledVoices(
        VALIDATION.embeddings, VALIDATION.person, VALIDATION.gender, VALIDATION.age_years + 20
    )
    one, other = fit.fit_age(TRAINING, VALIDATION), fit.fit_age(TRAINING, wrong)
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.weight, other.weight)
    assert other.deviation_years > 18 > one.deviation_years


@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_trait_with_too_few_labels_is_none_and_the_figures_say_so(which: str) -> None:
    few = {
        name: LabelledVoices(
            p.embeddings, p.person, np.where(p.person < 4, p.gender, np.nan), np.full(len(p.person), np.nan)
        )
        for name, p in (("training", TRAINING), ("validation", VALIDATION))
    }
    people = {"training": TRAINING, "validation": VALIDATION} | {which: few[which]}
    found = fit.fit(people["training"], people["validation"])
    assert found.gender is None
    assert found.age is None
    metrics = quality.measure(found, people["training"], people["validation"], TEST)
    split = {"training": "train", "validation": "val"}[which]
    assert metrics["gender"]["missing"]["labelled"][split] == {"f": 2, "m": 2}
    assert metrics["age"]["missing"]["labelled"][split] == {"age": 0}
    assert metrics["age"]["missing"]["needed_of_each"] == {"train": 20, "val": 5}
    assert metrics["typicality"]["unseen"]["identities"] == 300


def test_people_not_clips_count_alike() -> None:
    """A talkative person's ninety clips weigh as much as another's three."""
    rng = np.random.default_rng(7)
    person = np.concatenate([TRAINING.person, np.zeros(87, dtype=int)])
    more = np.concatenate([TRAINING.embeddings, TRAINING.embeddings[:1] + rng.normal(0, 1e-9, (87, DIM))])
    age, gender = (
        np.concatenate([values, np.repeat(values[:1], 87)])
        for values in (TRAINING.age_years, TRAINING.gender)
    )
    one, other = (
        fit.fit_age(TRAINING, VALIDATION),
        fit.fit_age(LabelledVoices(more, person, gender, age), VALIDATION),
    )
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.years(TEST.embeddings), other.years(TEST.embeddings), atol=0.5)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
@settings(max_examples=40)
def test_auc_counts_pairs(cases: list[tuple[int, bool]]) -> None:
    score, positive = np.array([float(s) for s, _ in cases]), np.array([p for _, p in cases])
    weight = np.arange(1.0, len(cases) + 1)
    pairs = [
        (weight[i] * weight[j], 1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0)
        for i in np.flatnonzero(positive)
        for j in np.flatnonzero(~positive)
    ]
    expected = sum(w * v for w, v in pairs) / sum(w for w, _ in pairs) if pairs else None
    assert quality.auc(score, positive, weight) == (None if expected is None else pytest.approx(expected))


def test_saved_and_loaded_they_say_the_same(found: traits.Traits, tmp_path: Path) -> None:
    for kept in (found, traits.Traits(None, None, found.typicality)):
        traits.save(tmp_path, kept)
        again = traits.load(tmp_path, DIM)
        np.testing.assert_array_equal(
            again.typicality.share(TEST.embeddings), kept.typicality.share(TEST.embeddings)
        )
        assert (again.gender is None) == (kept.gender is None)
        if (
            again.gender is not None
            and again.age is not None
            and kept.gender is not None
            and kept.age is not None
        ):
            np.testing.assert_array_equal(
                again.gender.female(TEST.embeddings), kept.gender.female(TEST.embeddings)
            )
            np.testing.assert_array_equal(again.age.years(TEST.embeddings), kept.age.years(TEST.embeddings))
            assert again.age.deviation_years == kept.age.deviation_years


def test_damaged_or_foreign_readouts_are_refused(found: traits.Traits, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"traits\.safetensors"):
        traits.load(tmp_path, DIM)
    traits.save(tmp_path, found)
    with pytest.raises(UserError, match="does not belong to the voice encoder"):
        traits.load(tmp_path, DIM + 1)
    (tmp_path / traits.FILE).write_bytes(b"no tensors")
    with pytest.raises(UserError, match="cannot be loaded"):
        traits.load(tmp_path, DIM)


def test_tables_without_labels_are_read_as_unknown() -> None:
    clips = pd.DataFrame({"identity_id": ["b", "a", "b"]})
    people = pd.DataFrame({"identity_id": ["a", "b"], "gender": ["f", None], "age_years": [None, 31.0]})
    metrics = fit.label(np.zeros((3, 2)), clips, people)
    assert metrics.person.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(metrics.gender, [np.nan, 1.0, np.nan])
    np.testing.assert_array_equal(metrics.age_years, [31.0, np.nan, 31.0])
    bare = fit.label(np.zeros((3, 2)), clips, people[["identity_id"]])
    assert np.isnan(bare.gender).all()
    assert np.isnan(bare.age_years).all()
