"""Reduced-rank ridge regression: the directions of one view that predict another, chosen by cross-validation
over people.

Anderson 1951, Izenman 1975; with a ridge as Mukherjee and Zhu 2011.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RIDGES = tuple(float(r) for r in np.logspace(-3, 2, 11))
COMPONENTS = 40


@dataclass(frozen=True)
class Directions:
    """mean [Y] and matrix [Y, K] give scores of unit deviation; `r2` is the cross-validated share of variance
    explained."""

    mean: np.ndarray
    matrix: np.ndarray
    ridge: float
    r2: float


def by_label(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Means over rows of equal label (0..M-1, each present): [N, P], [N] -> float64 [M, P]."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(labels.max() + 1))
    return np.add.reduceat(values[order].astype(np.float64), starts, axis=0) / np.bincount(labels)[:, None]


def projection(targets: np.ndarray, components: int = COMPONENTS) -> tuple[np.ndarray, np.ndarray]:
    """[N, P] -> mean [P] and matrix [P, Q] to the leading min(components, N - 1) principal components, half
    whitened.

    Components that vary little are where people differ, those that vary most are pose and light: each is
    scaled to the square root of its deviation, between leaving them alone and counting all alike.
    """
    mean = targets.mean(axis=0)
    _, size, directions = np.linalg.svd(targets - mean, full_matrices=False)
    keep = max(1, min(components, len(targets) - 1))
    return mean, directions[:keep].T / np.sqrt(np.maximum(size[:keep], 1e-12))


def principal(targets: np.ndarray, components: int = COMPONENTS) -> np.ndarray:
    """[N, P] -> their scores by `projection`, [N, Q]."""
    mean, matrix = projection(targets, components)
    return (targets - mean) @ matrix


def _solve(x: np.ndarray, y: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Ridge weights [Y, P] and the right singular vectors [P, min(N, P)] of the fitted values."""
    scale = np.trace(x.T @ x) / x.shape[1] or 1.0  # one person, or people who sound alike: no weights
    weights = np.linalg.solve(x.T @ x + ridge * scale * np.eye(x.shape[1]), x.T @ y)
    return weights, np.linalg.svd(x @ weights, full_matrices=False)[2].T


@dataclass(frozen=True)
class Prediction:
    """What voices say of faces, in K directions.

    A face [P] has (face - face_mean) @ face_matrix, of unit deviation over faces; its voice [Y] predicts
    (voice - mean) @ matrix. On people held out the difference has `covariance` [K, K]. `r2`: the
    cross-validated share of the variance of people's mean faces (half whitened) that voices explain.
    """

    mean: np.ndarray
    matrix: np.ndarray
    face_mean: np.ndarray
    face_matrix: np.ndarray
    covariance: np.ndarray
    r2: float


def predict(
    voices: np.ndarray, faces: np.ndarray, labels: np.ndarray, max_rank: int, seed: int = 0
) -> Prediction:
    """voices [M, Y], one row a person; faces [N, P] and whose they are, labels [N] in 0..M-1."""
    own = by_label(faces, labels)
    face_mean, projected = projection(own)
    targets = (own - face_mean) @ projected
    found = fit(voices, targets, max_rank, seed=seed)
    mean = voices.mean(axis=0)
    weights, basis = _solve(voices - mean, targets, found.ridge)
    basis = basis[:, : found.matrix.shape[1]]
    face_matrix = projected @ basis
    scale = np.maximum(((faces - face_mean) @ face_matrix).std(axis=0), 1e-12)
    face_matrix = face_matrix / scale
    measured = (faces - face_mean) @ face_matrix
    fold = folds_of(len(voices), seed)
    rest = np.zeros_like(measured)
    for held_out in range(fold.max() + 1):
        inside, here = fold != held_out, fold[labels] == held_out
        x_mean, y_mean = voices[inside].mean(axis=0), targets[inside].mean(axis=0)
        inner, _ = _solve(voices[inside] - x_mean, targets[inside] - y_mean, found.ridge)
        guessed = ((voices - x_mean) @ inner + y_mean) @ basis / scale
        rest[here] = measured[here] - guessed[labels[here]]
    covariance = rest.T @ rest / len(rest)
    return Prediction(mean, weights @ basis / scale, face_mean, face_matrix, covariance, found.r2)


def folds_of(people: int, seed: int, folds: int = 5) -> np.ndarray:
    """A random fold for each of so many people: int [people]."""
    return np.random.default_rng(seed).permutation(people) % min(folds, people)


def fit(x: np.ndarray, y: np.ndarray, max_rank: int, folds: int = 5, seed: int = 0) -> Directions:
    """x [N, Y], y [N, P], one row a person -> at most `max_rank` directions of x; rank and ridge minimise the
    error on held-out folds."""
    max_rank = min(max_rank, x.shape[1], y.shape[1], max(1, len(x) - 2))
    fold = folds_of(len(x), seed, folds)
    errors = np.zeros((len(RIDGES), max_rank))
    baseline = 0.0
    for held_out in range(fold.max() + 1):
        inside, outside = fold != held_out, fold == held_out
        x_mean, y_mean = x[inside].mean(axis=0), y[inside].mean(axis=0)
        truth = y[outside] - y_mean
        baseline += float((truth**2).sum())
        for i, ridge in enumerate(RIDGES):
            weights, basis = _solve(x[inside] - x_mean, y[inside] - y_mean, ridge)
            along = ((x[outside] - x_mean) @ weights) @ basis[:, :max_rank]
            # Adding direction k changes the error by |along_k|^2 - 2 along_k . truth_k.
            gain = (along**2 - 2 * along * (truth @ basis[:, :max_rank])).sum(axis=0)
            gain = np.pad(gain, (0, max_rank - len(gain)))
            errors[i] += float((truth**2).sum()) + np.cumsum(gain)
    best, rank = np.unravel_index(int(errors.argmin()), errors.shape)
    mean = x.mean(axis=0)
    weights, basis = _solve(x - mean, y - y.mean(axis=0), RIDGES[best])
    matrix = weights @ basis[:, : rank + 1]
    spread = ((x - mean) @ matrix).std(axis=0)
    return Directions(
        mean, matrix / np.maximum(spread, 1e-12), RIDGES[best], float(1 - errors[best, rank] / baseline)
    )
