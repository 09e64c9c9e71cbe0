"""The linear start: ridge against scikit-learn, the measure against brute force, and a ridge that fits how
much noise there is."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from deepfacegen.training import linear_match


def test_ridge_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 6)), rng.normal(size=(30, 4))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    for strength, found in zip((0.1, 2.0), linear_match.ridge(x, y, (0.1, 2.0)), strict=True):
        alpha = strength * (x**2).sum() / 6
        np.testing.assert_allclose(
            found, Ridge(alpha=alpha, fit_intercept=False).fit(x, y).coef_.T, atol=1e-9
        )


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 7), st.integers(1, 3), st.integers(0, 1000))
def test_accuracy_counts_choices_of_two(people: int, dim: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-2, 3, size=(2, people, dim)).astype(float)  # whole numbers, so that there are ties
    score, right = a @ b.T, []
    for i in range(people):
        for j in set(range(people)) - {i}:
            right += [
                (score[i, i] > other) + 0.5 * (score[i, i] == other) for other in (score[i, j], score[j, i])
            ]
    found = linear_match.accuracy_of_two(
        torch.from_numpy(np.stack([a, a])), torch.from_numpy(np.stack([b, b]))
    )
    np.testing.assert_allclose(found, np.mean(right))


def test_blocks_count_for_as_much_whatever_their_scale() -> None:
    rng = np.random.default_rng(1)
    small, large = rng.normal(size=(40, 3)), rng.normal(size=(40, 5))
    a = linear_match.basis(np.hstack([small, large]), [3, 5], 8)
    b = linear_match.basis(np.hstack([100 * small, large]), [3, 5], 8)
    x, y = (
        (np.hstack([small, large]) - a.mean) @ a.matrix,
        (np.hstack([100 * small, large]) - b.mean) @ b.matrix,
    )
    np.testing.assert_allclose(np.abs(x), np.abs(y), atol=1e-8)
    spread = np.hstack([small / np.sqrt(small.var(axis=0).sum()), large / np.sqrt(large.var(axis=0).sum())])
    variances = np.sort(np.linalg.eigvalsh(np.cov(spread.T)))[::-1]
    np.testing.assert_allclose(
        x.var(axis=0) / x[:, 0].var(), np.sqrt(variances / variances[0]), rtol=1e-6
    )  # half whitened
    np.testing.assert_allclose(x.std(), 1.0)


def test_there_are_never_more_components_than_the_people_span() -> None:
    faces = np.random.default_rng(2).normal(size=(5, 20))
    assert linear_match.basis(faces, [20], 60).matrix.shape == (20, 4)
    assert linear_match.basis(faces, [20], 2).matrix.shape == (20, 2)


def test_noisy_voices_get_a_stronger_ridge() -> None:
    rng = np.random.default_rng(3)
    latent, mix = rng.normal(size=(80, 3)), rng.normal(size=(3, 40))
    fold = np.arange(80) % 5
    chosen = []
    for noise in (0.01, 3.0):
        x = latent @ mix + noise * rng.normal(size=(80, 40))
        chosen.append(
            linear_match.best_ridge(x - x.mean(axis=0), latent + 0.1 * rng.normal(size=(80, 3)), fold)
        )
    assert chosen[0] < chosen[1]
