"""The judge on sample people: unit vectors, the same alone or in a batch, and near for one person."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.evaluation.judge import Judge, unit


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge.load("sface")


def test_unit_vectors_whatever_the_batch(judge: Judge, world) -> None:
    faces = world.faces.reshape(-1, 64, 64, 3)[:18]
    vectors = judge.embed(faces)
    assert vectors.shape == (18, 128)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(judge.embed(faces[17:]), vectors[17:], atol=1e-4)


def test_no_faces_no_vectors(judge: Judge) -> None:
    assert judge.embed(np.empty((0, 64, 64, 3), dtype=np.uint8)).shape == (0, 128)


def test_two_photos_of_a_person_are_nearer_than_of_two(judge: Judge, world) -> None:
    first, second = judge.embed(world.faces[:10, 0]), judge.embed(world.faces[:10, 1])
    likeness = first @ second.T
    others = likeness[~np.eye(10, dtype=bool)]
    assert np.diagonal(likeness).mean() > others.mean() + 0.1
    assert (np.diagonal(likeness)[:, None] >= likeness).mean() > 0.9


def test_a_zero_vector_stays_zero() -> None:
    assert not unit(np.zeros((1, 4))).any()
