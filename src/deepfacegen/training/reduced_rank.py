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


def principal(targets: np.ndarray, components: int = COMPONENTS) -> np.ndarray:
    """[N, P] -> scores on the leading principal components [N, min(components, N - 1)], half whitened.

    Components that vary little are where people differ, those that vary most are pose and light: each is
    scaled to the square root of its deviation, between leaving them alone and counting all alike.
    """
    centred = targets - targets.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    keep = max(1, min(components, len(targets) - 1))
    return left[:, :keep] * np.sqrt(size[:keep])


def _solve(x: np.ndarray, y: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Ridge weights [Y, P] and the right singular vectors [P, min(N, P)] of the fitted values."""
    scale = np.trace(x.T @ x) / x.shape[1]
    weights = np.linalg.solve(x.T @ x + ridge * scale * np.eye(x.shape[1]), x.T @ y)
    return weights, np.linalg.svd(x @ weights, full_matrices=False)[2].T


def fit(x: np.ndarray, y: np.ndarray, max_rank: int, folds: int = 5, seed: int = 0) -> Directions:
    """x [N, Y], y [N, P], one row a person -> at most `max_rank` directions of x; rank and ridge minimise the
    error on held-out folds."""
    max_rank = min(max_rank, x.shape[1], y.shape[1], max(1, len(x) - 2))
    fold = np.random.default_rng(seed).permutation(len(x)) % min(folds, len(x))
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
