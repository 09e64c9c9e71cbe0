"""Reduced-rank ridge against views that share a known number of directions."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.training.reduced_rank import Prediction, by_label, fit, predict, principal, projection


def views(people: int, shared: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(people, shared))
    x = latent @ rng.normal(size=(shared, 20)) + noise * rng.normal(size=(people, 20))
    y = latent @ rng.normal(size=(shared, 30)) + noise * rng.normal(size=(people, 30))
    return x, y, latent


@pytest.mark.parametrize("shared", [1, 3])
def test_it_finds_the_directions_that_both_views_share(shared: int) -> None:
    x, y, latent = views(300, shared, 0.5)
    found = fit(x, y, max_rank=8)
    assert found.matrix.shape[1] >= shared
    scores = (x - found.mean) @ found.matrix
    np.testing.assert_allclose(scores.std(axis=0), 1, rtol=1e-6)
    design = np.column_stack([scores, np.ones(len(x))])
    explained = design @ np.linalg.lstsq(design, latent, rcond=None)[0]
    assert all(np.corrcoef(explained[:, k], latent[:, k])[0, 1] > 0.9 for k in range(shared))
    assert found.r2 > 0.3


def test_unrelated_views_explain_nothing() -> None:
    rng = np.random.default_rng(1)
    found = fit(rng.normal(size=(100, 20)), rng.normal(size=(100, 30)), max_rank=8)
    assert found.r2 < 0.02


def test_few_people_still_give_a_direction() -> None:
    x, y, _ = views(4, 1, 0.1)
    assert fit(x, principal(y), max_rank=8).matrix.shape[1] >= 1


def test_principal_scores_are_half_whitened_components() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(50, 3)))[0].T
    latent = np.linalg.qr(rng.normal(size=(200, 3)))[0]
    latent = np.linalg.qr(latent - latent.mean(axis=0))[
        0
    ]  # centred, so that the singular values are exactly these:
    scores = principal(latent @ np.diag([9.0, 4.0, 1.0]) @ axes + 5.0, 3)
    np.testing.assert_allclose(np.abs(scores), np.abs(latent * [3.0, 2.0, 1.0]), atol=1e-9)
    assert principal(rng.normal(size=(10, 50)), 40).shape == (10, 9)


def test_means_by_label() -> None:
    means = by_label(np.array([[1.0], [5.0], [3.0]]), np.array([1, 0, 1]))
    assert means.tolist() == [[5.0], [2.0]]


def test_a_projection_is_numpys_svd_with_square_roots_of_deviations() -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 12)) + 3.0
    mean, matrix = projection(targets, 3)
    np.testing.assert_allclose(mean, targets.mean(axis=0))
    left, size, right = np.linalg.svd(targets - targets.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(matrix, right[:3].T * size[:3] ** -0.5, atol=1e-12)
    np.testing.assert_allclose((targets - mean) @ matrix, left[:, :3] * size[:3] ** 0.5, atol=1e-9)
    assert projection(targets[:3], 40)[1].shape == (12, 2)
    alike = projection(np.ones((4, 5)), 40)[1]  # nothing varies
    assert np.isfinite(alike).all()


PEOPLE, PHOTOS, FACE = 400, 3, 30


def said(seed: int, share: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Voices [400, 10], faces [1200, 30], whose they are [1200], and of each person a number [400] that
    both depend on: the faces by `share`, along the first axis, with noise of their own on every axis."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=PEOPLE)
    voices = np.outer(latent, np.ones(10)) + rng.normal(size=(PEOPLE, 10))
    labels = rng.permutation(np.repeat(np.arange(PEOPLE), PHOTOS))
    faces = rng.normal(size=(len(labels), FACE))
    faces[:, 0] += 2 * share * latent[labels]
    return voices, faces, labels, latent


@pytest.fixture(scope="module")
def found() -> Prediction:
    return predict(*said(0)[:3], max_rank=1)


def test_a_prediction_finds_what_of_faces_voices_know(found: Prediction) -> None:
    axis = found.face_matrix[:, 0]
    assert abs(axis[0]) / np.linalg.norm(axis) > 0.95
    voices, _, _, latent = said(1)  # people whom it has not seen
    predicted = ((voices - found.mean) @ found.matrix)[:, 0]
    # Ten voice numbers with noise of deviation 1: the best predictor correlates by sqrt(10 / 11) = 0.953.
    assert np.sign(axis[0]) * np.corrcoef(predicted, latent)[0, 1] == pytest.approx(0.953, abs=0.02)


def test_measured_numbers_have_unit_deviation_and_about_mean_0_over_faces(found: Prediction) -> None:
    _, faces, labels, _ = said(0)
    measured = (faces - found.face_mean) @ found.face_matrix
    np.testing.assert_allclose(measured.std(axis=0), 1, rtol=1e-9)
    np.testing.assert_allclose(found.face_mean, by_label(faces, labels).mean(axis=0))


def test_the_covariance_is_that_of_people_who_were_not_seen(found: Prediction) -> None:
    voices, faces, labels, _ = said(2)
    rest = (faces - found.face_mean) @ found.face_matrix - ((voices - found.mean) @ found.matrix)[labels]
    assert float(found.covariance[0, 0]) == pytest.approx(float((rest**2).mean()), rel=0.1)
    # Of a face's variance 4 + 1 on the first axis the voice knows 4 x 10 / 11, so 0.27 of it are left.
    assert float(found.covariance[0, 0]) == pytest.approx(0.27, abs=0.05)


def test_several_directions_have_the_covariance_of_people_who_were_not_seen() -> None:
    def views_of_two(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        latent, labels = rng.normal(size=(PEOPLE, 2)), np.repeat(np.arange(PEOPLE), PHOTOS)
        voices = np.hstack([latent, latent]) + 0.5 * rng.normal(size=(PEOPLE, 4))
        shared = rng.normal(size=(len(labels), 1))  # leaves both axes off by the same
        faces = np.hstack([latent[labels] + shared, 0.1 * rng.normal(size=(len(labels), FACE))])
        return voices, faces, labels

    found = predict(*views_of_two(0), max_rank=2)
    assert found.matrix.shape == (4, 2)
    voices, faces, labels = views_of_two(1)
    rest = (faces - found.face_mean) @ found.face_matrix - ((voices - found.mean) @ found.matrix)[labels]
    np.testing.assert_allclose(found.covariance, rest.T @ rest / len(rest), atol=0.08)
    assert np.linalg.eigvalsh(found.covariance).min() > 0


def test_voices_that_know_nothing_predict_next_to_nothing() -> None:
    voices, faces, labels, _ = said(3, share=0.0)
    found = predict(voices, faces, labels, max_rank=4)
    assert found.r2 < 0.02
    assert ((voices - found.mean) @ found.matrix).std() < 0.2
    assert np.diag(found.covariance) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("people", [2, 3, 4])
def test_a_prediction_from_few_people_is_finite_and_its_covariance_has_a_root(people: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(people), 2)
    found = predict(rng.normal(size=(people, 10)), rng.normal(size=(2 * people, 50)), labels, max_rank=8)
    assert np.isfinite(found.matrix).all()
    assert np.isfinite(np.linalg.cholesky(found.covariance)).all()
