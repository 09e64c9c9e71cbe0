"""Distances between sets of features, against closed forms, scikit-learn, scipy and brute force; and what
copying looks like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel

from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.statistics.fidelity import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    memorisation,
    nearest,
    precision_recall,
    quality_block,
)

COMPARED = ("fd_sface", "kd_sface", "precision", "recall", "density", "coverage")


def exactly(mean: np.ndarray, deviation: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """[count, D] whose sample mean and (diagonal) sample covariance are the given ones, not only nearly."""
    x = rng.standard_normal((count, len(mean)))
    x -= x.mean(axis=0)
    return np.linalg.solve(np.linalg.cholesky(np.cov(x.T)), x.T).T * deviation + mean


def faces(count: int, rng: np.random.Generator, dim: int = 16) -> np.ndarray:
    return unit(rng.standard_normal((count, dim)) + 0.5).astype(np.float32)


def test_frechet_distance_of_two_normals_with_diagonal_covariances() -> None:
    rng = np.random.default_rng(0)
    means, deviations = rng.standard_normal((2, 6)), rng.uniform(0.1, 3.0, (2, 6))
    a, b = (
        exactly(mean, deviation, count, rng)
        for mean, deviation, count in zip(means, deviations, (40, 70), strict=True)
    )
    closed_form = ((means[0] - means[1]) ** 2).sum() + ((deviations[0] - deviations[1]) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(closed_form, rel=1e-9)


def test_frechet_distance_equals_the_one_by_a_matrix_root() -> None:
    rng = np.random.default_rng(1)
    a, b = (
        rng.standard_normal((50, 8)) @ rng.standard_normal((8, 8)),
        rng.standard_normal((60, 8)) @ rng.standard_normal((8, 8)) + 1.0,
    )
    first, second = np.cov(a.T), np.cov(b.T)
    shift = a.mean(axis=0) - b.mean(axis=0)
    assert frechet_distance(a, b) == pytest.approx(
        shift @ shift + np.trace(first + second - 2 * sqrtm(first @ second).real), rel=1e-6
    )


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 30))
def test_frechet_distance_is_a_distance_even_with_fewer_faces_than_features(
    seed: int, n: int, m: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b, turn = (
        rng.standard_normal((n, 12)),
        2.0 * rng.standard_normal((m, 12)),
        ortho_group.rvs(12, random_state=rng),
    )
    found = frechet_distance(a, b)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-12 * n * 12)
    assert found >= ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() - 1e-9
    assert frechet_distance(b, a) == pytest.approx(found, rel=1e-9)
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(found, rel=1e-9)


def test_one_face_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="two faces"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))


def test_kernel_distance_equals_a_double_loop_over_each_subset() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((9, 4)), rng.standard_normal((7, 4)) + 0.5
    draws, expected = np.random.default_rng(3), []
    for _ in range(4):
        x, y = a[draws.choice(9, 5, replace=False)], b[draws.choice(7, 5, replace=False)]
        inside = (
            sum(
                (float(part[i] @ part[j]) / 4 + 1) ** 3
                for part in (x, y)
                for i in range(5)
                for j in range(5)
                if i != j
            )
            / 20
        )
        across = sum((float(p @ q) / 4 + 1) ** 3 for p in x for q in y) / 25
        expected.append(inside - 2 * across)
    assert kernel_distance(a, b, 4, 5, np.random.default_rng(3)) == pytest.approx(np.mean(expected))


def test_kernel_distance_is_zero_in_the_mean_for_equal_distributions_and_not_for_others() -> None:
    rng = np.random.default_rng(4)
    same, biased = [], []
    for _ in range(300):
        x, y = rng.standard_normal((2, 20, 8))
        same.append(kernel_distance(x, y, 1, 20, rng))
        biased.append(
            sum(polynomial_kernel(part).mean() for part in (x, y)) - 2 * polynomial_kernel(x, y).mean()
        )
    error = np.std(same) / np.sqrt(300)
    assert abs(np.mean(same)) < 3 * error < np.mean(biased)
    assert min(same) < 0
    assert kernel_distance(x, y + 1.0, 1, 20, rng) > 10 * np.std(same)


def test_neighbours_on_a_line() -> None:
    # Balls of true faces have radius 1, those of drawn ones 3.4, 3.4, 1, 1.
    true, drawn = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.5], [3.9], [10.0], [11.0]])
    assert precision_recall(true, drawn, k=1) == (0.5, 1.0)
    assert density_coverage(true, drawn, k=1) == (0.75, 0.75)


def test_an_outlier_spoils_precision_but_not_density() -> None:
    true, drawn = np.array([[0.0], [0.1], [0.2], [100.0]]), np.array([[50.0], [51.0], [52.0], [53.0]])
    assert precision_recall(true, drawn, k=1) == (1.0, 0.0)
    assert density_coverage(true, drawn, k=1) == (1.0, 0.25)


@given(st.integers(0, 2**32 - 1), st.integers(6, 25), st.integers(6, 25), st.integers(1, 5))
def test_neighbours_equal_brute_force(seed: int, n: int, m: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    true, drawn = rng.standard_normal((n, 3)), 0.7 * rng.standard_normal((m, 3)) + 0.5
    in_true = cdist(true, drawn) <= np.sort(cdist(true, true), axis=1)[:, [k]]  # column 0 is the face itself
    in_drawn = cdist(drawn, true) <= np.sort(cdist(drawn, drawn), axis=1)[:, [k]]
    shares = (in_true.any(axis=0).mean(), in_drawn.any(axis=0).mean())
    assert precision_recall(true, drawn, k) == pytest.approx(shares)
    covered = (in_true.sum() / k / m, in_true.any(axis=1).mean())
    assert density_coverage(true, drawn, k) == pytest.approx(covered)


def test_equal_sets_cover_each_other_and_distant_ones_do_not() -> None:
    true = faces(40, np.random.default_rng(5))
    assert precision_recall(true, true) == (1.0, 1.0)
    assert density_coverage(true, true)[1] == 1.0
    assert precision_recall(true, true + 10) == (0.0, 0.0)
    assert density_coverage(true, true + 10) == (0.0, 0.0)


def test_three_faces_have_no_third_neighbour() -> None:
    few, many = np.zeros((3, 2)), np.zeros((9, 2))
    for pair in ((few, many), (many, few)):
        with pytest.raises(ValueError, match="no neighbour number 3"):
            precision_recall(*pair, k=3)
    with pytest.raises(ValueError, match="no neighbour number 3"):
        density_coverage(few, many, k=3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_nearest_equals_brute_force(seed: int, queries: int, base: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = faces(queries, rng), faces(base, rng)
    np.testing.assert_allclose(nearest(a, b), cdist(a, b).min(axis=1), atol=1e-12)


def test_a_copy_is_at_zero_exactly_and_nothing_is_near_to_nothing() -> None:
    base = faces(500, np.random.default_rng(6), dim=128)
    assert not nearest(base[::-1], base).any()
    with pytest.raises(ValueError, match="0 sample"):
        nearest(base, base[:0])


def test_memorisation_of_new_faces_by_hand_and_by_sklearn() -> None:
    training = np.zeros((2, 1))
    drawn, true = np.array([[1.0], [2.0], [2.0], [5.0]]), np.array([[2.0], [3.0], [5.0]])
    found = memorisation(drawn, true, training)
    nearer = -np.concatenate([drawn, true])[:, 0]
    assert (found["nearest_training_generated"], found["nearest_training_real"]) == (2.0, 3.0)
    assert found["nearest_training_auc"] == pytest.approx(roc_auc_score([1] * 4 + [0] * 3, nearer))
    assert found["nearest_training_auc"] == pytest.approx((3 + 2.5 + 2.5 + 0.5) / 12)


def test_who_copies_training_faces_is_found_and_who_draws_new_ones_is_not() -> None:
    rng = np.random.default_rng(7)
    training, true, new = faces(600, rng), faces(300, rng), faces(400, rng)
    copied = memorisation(training[rng.integers(600, size=200)], true, training)
    assert (copied["nearest_training_generated"], copied["nearest_training_auc"]) == (0.0, 1.0)
    assert copied["nearest_training_real"] > 0.1
    honest = memorisation(new, true, training)
    assert honest["nearest_training_auc"] == pytest.approx(0.5, abs=0.06)
    assert honest["nearest_training_generated"] == pytest.approx(honest["nearest_training_real"], rel=0.05)


def test_the_block_has_every_number_beside_that_of_real_faces() -> None:
    rng = np.random.default_rng(8)
    drawn, true, training = faces(90, rng), faces(80, rng), faces(50, rng)
    person = np.arange(80) // 4
    found = quality_block(drawn, true, person, training, "sface", 0)
    near = {"nearest_training_generated", "nearest_training_real", "nearest_training_auc"}
    assert set(found) == {"drawn", "true", "compared", *COMPARED, *(f"{key}_real" for key in COMPARED), *near}
    assert (found["drawn"], found["true"], found["compared"]) == (90, 80, 40)
    assert found == quality_block(drawn, true, person, training, "sface", 0)
    assert found != quality_block(drawn, true, person, training, "sface", 1)


def test_faces_as_good_as_true_ones_reach_the_yardstick_however_many_they_are() -> None:
    rng = np.random.default_rng(9)
    drawn, true = faces(3000, rng), faces(200, rng)
    found = quality_block(drawn, true, np.arange(200), faces(10, rng), "sface", 0)
    assert found["compared"] == 100
    for key in ("fd_sface", "precision", "recall", "density", "coverage"):
        assert found[key] == pytest.approx(found[f"{key}_real"], rel=0.15)
    assert found["kd_sface"] == pytest.approx(found["kd_sface_real"], abs=0.05)
    # All drawn faces against all true ones would look far better than the yardstick.
    assert frechet_distance(drawn, true) < 0.7 * found["fd_sface_real"]


def test_faces_that_are_all_alike_are_told_from_true_ones() -> None:
    rng = np.random.default_rng(10)
    true = faces(200, rng)
    collapsed = unit(true.mean(axis=0) + 0.01 * rng.standard_normal((200, 16)))
    found = quality_block(collapsed, true, np.arange(200), faces(100, rng), "sface", 0)
    assert found["fd_sface"] > 2 * found["fd_sface_real"]
    assert found["kd_sface"] > found["kd_sface_real"] + 0.1
    assert found["recall"] < 0.1 < found["recall_real"]


def test_halves_are_split_by_person() -> None:
    # Twenty photos each of four very different people: halves by photo would be alike.
    rng = np.random.default_rng(11)
    person = np.repeat(np.arange(4), 20)
    true = unit(np.eye(8)[person] + 0.01 * rng.standard_normal((80, 8)))
    found = quality_block(true, true, person, true, "sface", 0)
    assert frechet_distance(true[::2], true[1::2]) < 0.01
    assert found["fd_sface_real"] > 0.5
    assert found["precision_real"] == 0.0


@pytest.mark.parametrize(
    ("drawn", "per_person", "training", "missing"),
    [
        (9, [4, 4], 5, {"density", "coverage"}),
        (9, [3, 2], 5, {"precision", "recall", "density", "coverage"}),
        (9, [1, 1], 5, set(COMPARED)),
        (9, [8], 5, set(COMPARED)),
        (9, [], 5, {*COMPARED, "nearest"}),
        (0, [8, 8], 5, {*COMPARED, "nearest"}),
        (1, [8, 8], 5, set(COMPARED)),
        (9, [8, 8], 0, {"nearest"}),
    ],
)
def test_what_cannot_be_said_is_left_out(
    drawn: int, per_person: list[int], training: int, missing: set[str]
) -> None:
    rng = np.random.default_rng(12)
    person = np.repeat(np.arange(len(per_person)), per_person).astype(np.int64)
    found = quality_block(
        faces(drawn, rng), faces(len(person), rng), person, faces(training, rng), "sface", 0
    )
    assert np.isfinite(list(found.values())).all()
    assert {key for key in COMPARED if key not in found} == missing - {"nearest"}
    assert {key for key in COMPARED if f"{key}_real" not in found} == missing - {"nearest"}
    assert ("nearest_training_auc" in found) == ("nearest" not in missing)
