"""Both judges: unit vectors, the same alone or in a batch, near for one person, on sample people and on the
people of ORL."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.errors import UserError
from deepfacegen.evaluation.embedders import judge as judges
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.embedders.judge import Judge, unit
from tests.evaluation import orl


@pytest.fixture(scope="module", params=sorted(judges.LOADERS))
def judge(request: pytest.FixtureRequest) -> Judge:
    return Judge.load(request.param)


def rank_one(vectors: np.ndarray, person: np.ndarray) -> float:
    """Share of photos whose nearest other photo is of the same person."""
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    return float((person[likeness.argmax(axis=1)] == person).mean())


def test_unit_vectors_whatever_the_batch(judge: Judge, world) -> None:
    faces = world.faces.reshape(-1, 64, 64, 3)[:18]
    vectors = judge.embed(faces)
    assert vectors.shape == (18, judge.dim) == (18, 128)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(judge.embed(faces[17:]), vectors[17:], atol=1e-4)


def test_no_faces_no_vectors(judge: Judge) -> None:
    assert judge.embed(np.empty((0, 64, 64, 3), dtype=np.uint8)).shape == (0, 128)


def test_two_photos_of_a_person_are_nearer_than_of_two(judge: Judge, world) -> None:
    first, second = judge.embed(world.faces[:10, 0]), judge.embed(world.faces[:10, 1])
    centre = np.concatenate([first, second]).mean(axis=0)
    likeness = unit(first - centre) @ unit(second - centre).T
    others = likeness[~np.eye(10, dtype=bool)]
    assert np.diagonal(likeness).mean() > others.mean() + 0.3
    assert (np.diagonal(likeness)[:, None] >= likeness).mean() > 0.9


def test_the_detector_finds_the_photos_of_orl() -> None:
    faces, person = orl.aligned()
    assert len(faces) >= 0.99 * orl.PEOPLE * orl.PHOTOS
    assert len(np.unique(person)) == orl.PEOPLE


@pytest.mark.slow
def test_people_of_orl_are_recognised_from_one_photo(judge: Judge) -> None:
    faces, person = orl.aligned()
    assert rank_one(judge.embed(faces), person) >= 0.99


def test_people_of_orl_are_recognised_in_small_pictures_and_with_the_mean_removed(judge: Judge) -> None:
    faces, person = orl.aligned()
    few = person <= 12
    vectors = judge.embed(shrink(faces[few], 64))
    assert rank_one(unit(vectors - vectors.mean(axis=0)), person[few]) >= 0.99


def test_the_judges_are_not_one_and_the_same(world) -> None:
    a, b = (Judge.load(name).embed(world.faces[:4, 0]) for name in sorted(judges.LOADERS))
    assert np.abs((a * b).sum(axis=1)).max() < 0.5


def test_missing_weights_are_a_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> str:
        raise UserError(f"weights of {name} not found")

    monkeypatch.setattr(judges.weights, "locate", nowhere)
    for name in judges.LOADERS:
        with pytest.raises(UserError, match=f"weights of {name} not found"):
            Judge.load(name)


def test_a_zero_vector_stays_zero() -> None:
    assert not unit(np.zeros((1, 4))).any()
