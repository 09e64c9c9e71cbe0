"""Reduced-rank ridge against views that share a known number of directions."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.training.reduced_rank import by_label, fit, principal


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
