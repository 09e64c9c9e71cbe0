"""Who the sample people are: balance, independence of what is inaudible, reproducibility."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, kruskal

from deepfacegen.config.schema import SampleConfig
from deepfacegen.synthetic.people import AUDIBLE, NULL, Person, as_row, from_row, imagine, sample_people


@pytest.fixture(scope="module")
def crowd() -> pd.DataFrame:
    return sample_people(SampleConfig(identities=1200))


def test_ids_are_unique_and_mostly_share_their_digits(crowd: pd.DataFrame) -> None:
    assert crowd["voice_id"].is_unique
    assert crowd["face_id"].is_unique
    assert crowd["voice_id"].str.fullmatch(r"id\d{5}").all()
    assert crowd["face_id"].str.fullmatch(r"n\d{6}").all()
    same = (crowd["voice_id"].str[2:].astype(int) == crowd["face_id"].str[1:].astype(int)).mean()
    assert 0.9 < same < 1.0


def test_audible_latents_cover_their_range_evenly(crowd: pd.DataFrame) -> None:
    assert (crowd["gender"] == "f").mean() == 0.5
    assert crowd["age_years"].between(20, 80).all()
    assert crowd["body_size"].between(0, 1).all()
    assert crowd["body_size"].std() == pytest.approx(12**-0.5, abs=0.01)


def test_audible_latents_are_independent_of_each_other() -> None:
    """Averaged over seeds, because one crowd may be correlated by chance: 20 crowds of 300 leave a deviation
    of 0.013."""
    correlations = []
    for seed in range(20):
        crowd = sample_people(SampleConfig(identities=300, seed=seed))
        latents = np.stack([crowd["gender"] == "m", crowd["age_years"], crowd["body_size"]]).astype(float)
        correlations.append(np.corrcoef(latents)[np.triu_indices(3, 1)])
    assert np.abs(np.mean(correlations, axis=0)).max() < 0.05


@pytest.mark.parametrize("null", NULL)
def test_null_attributes_say_nothing_about_the_voice(crowd: pd.DataFrame, null: str) -> None:
    """Independence tests that a dependence worth hearing would fail by many orders of magnitude."""
    assert crowd[null].nunique() >= 4
    assert chi2_contingency(pd.crosstab(crowd[null], crowd["gender"])).pvalue > 1e-3
    for name in [*AUDIBLE[1:], *(c for c in crowd.columns if c.startswith("timbre_"))]:
        assert kruskal(*(group[name] for _, group in crowd.groupby(null))).pvalue > 1e-3, name


def test_face_noise_and_voice_noise_are_independent(crowd: pd.DataFrame) -> None:
    shape, timbre = crowd.filter(like="shape_").to_numpy(), crowd.filter(like="timbre_").to_numpy()
    cross = np.corrcoef(shape.T, timbre.T)[: shape.shape[1], shape.shape[1] :]
    assert np.abs(cross).max() < 0.15


def test_some_genders_are_not_listed_but_known(crowd: pd.DataFrame) -> None:
    blank = crowd["gender_listed"] == ""
    assert blank.mean() == pytest.approx(0.05, abs=0.005)
    assert (crowd.loc[~blank, "gender"] == crowd.loc[~blank, "gender_listed"]).all()
    assert crowd["gender"].isin(["f", "m"]).all()


def test_same_config_same_people() -> None:
    config = SampleConfig(identities=12)
    pd.testing.assert_frame_equal(sample_people(config), sample_people(config))
    assert not sample_people(config)["age_years"].equals(
        sample_people(SampleConfig(identities=12, seed=8))["age_years"]
    )


def test_a_row_gives_its_person_back(crowd: pd.DataFrame) -> None:
    person = from_row(crowd.iloc[3])
    assert from_row(as_row(person)) == person
    assert isinstance(person, Person)


def test_imagine_keeps_what_is_heard_and_nothing_else(crowd: pd.DataFrame) -> None:
    person = from_row(crowd.iloc[0])
    others = [imagine(person, np.random.default_rng(k)) for k in range(40)]
    for name in AUDIBLE:
        assert {getattr(s, name) for s in others} == {getattr(person, name)}
    for name in (*NULL, "shape", "timbre"):
        assert len({getattr(s, name) for s in others}) > 3
