"""The perceptual distance: its formula, what it does to blurred and noisy faces, and which pairs its means
are taken over."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from deepfacegen.evaluation.statistics.perceptual import (
    LAYERS,
    PAIRS_AT_ONCE,
    Perceptual,
    diversity,
    layer_distance,
    normalise,
)


@pytest.fixture(scope="module")
def perceptual() -> Perceptual:
    return Perceptual.load()


class Fake:
    """Counts as distance the difference of two faces' first values, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[np.ndarray, np.ndarray]] = []
        self.rows: list[np.ndarray] = []
        self.sides: set[int] = set()

    def distance(self, faces: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        value = faces.reshape(len(faces), -1)[:, 0].astype(float)
        self.asked.append((value[i], value[j]))
        self.rows.append(np.stack([i, j]))
        self.sides.add(faces.shape[1])
        return np.abs(value[i] - value[j])


def plain(values: np.ndarray, side_px: int = 4) -> np.ndarray:
    """Pictures of one value each: [...] -> uint8 [..., side, side, 3]."""
    return np.broadcast_to(
        np.asarray(values, dtype=np.uint8)[..., None, None, None], (*np.shape(values), side_px, side_px, 3)
    )


def test_the_formula_position_by_position() -> None:
    rng = np.random.default_rng(0)
    layers = [
        rng.standard_normal((3, 5, 4, 2)).astype(np.float32),
        rng.standard_normal((3, 2, 2, 2)).astype(np.float32),
    ]
    i, j = np.array([0, 2, 1]), np.array([1, 0, 1])
    expected = []
    for a, b in zip(i, j, strict=True):
        means = []
        for layer in layers:
            positions = [(h, w) for h in range(layer.shape[2]) for w in range(layer.shape[3])]
            ends = [
                (
                    layer[a, :, h, w] / np.linalg.norm(layer[a, :, h, w]),
                    layer[b, :, h, w] / np.linalg.norm(layer[b, :, h, w]),
                )
                for h, w in positions
            ]
            means.append(np.mean([((p - q) ** 2).sum() for p, q in ends]))
        expected.append(np.mean(means))
    assert layer_distance([normalise(layer) for layer in layers], i, j) == pytest.approx(expected, abs=1e-6)
    assert not normalise(np.zeros((1, 3, 2, 2))).any()


def test_opposite_positions_are_four_apart() -> None:
    layer = normalise(np.array([1.0, -3.0]).reshape(2, 1, 1, 1))
    assert layer_distance([layer], np.array([0]), np.array([1])) == pytest.approx([4.0])


def test_features_have_length_one_at_falling_resolutions(perceptual: Perceptual, world) -> None:
    found = perceptual.features(world.faces[:3, 0])
    assert [layer.shape for layer in found] == [
        (3, 64, 112, 112),
        (3, 128, 56, 56),
        (3, 256, 28, 28),
        (3, 512, 14, 14),
        (3, 1024, 7, 7),
    ]
    assert len(found) == len(LAYERS)
    for layer in found:
        assert layer.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(layer, axis=1), 1.0, atol=1e-4)


def test_equal_faces_are_at_zero_and_order_does_not_matter(perceptual: Perceptual, world) -> None:
    faces = np.concatenate([world.faces[:3, 0], world.faces[:3, 0]])
    i, j = np.array([0, 1, 0, 0]), np.array([3, 1, 1, 2])
    found = perceptual.distance(faces, i, j)
    assert found[:2] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert (found[2:] > 0.05).all()
    np.testing.assert_allclose(perceptual.distance(faces, j, i), found, atol=1e-5)


@pytest.mark.parametrize("faces_at_once", [5, 4])
def test_many_pairs_are_measured_as_one_by_one(
    perceptual: Perceptual, world, monkeypatch: pytest.MonkeyPatch, faces_at_once: int
) -> None:
    """Whether the features of all faces are kept, or of those of some pairs at a time."""
    monkeypatch.setattr("deepfacegen.evaluation.statistics.perceptual.FACES_AT_ONCE", faces_at_once)
    rng = np.random.default_rng(1)
    faces, (i, j) = world.faces[:5, 0], rng.integers(5, size=(2, PAIRS_AT_ONCE + 5))
    alone = {
        (a, b): perceptual.distance(faces, np.array([a]), np.array([b]))[0]
        for a, b in set(zip(i, j, strict=True))
    }
    np.testing.assert_allclose(
        perceptual.distance(faces, i, j), [alone[a, b] for a, b in zip(i, j, strict=True)], atol=1e-4
    )
    assert perceptual.distance(faces, i[:0], j[:0]).shape == (0,)


def test_distance_grows_with_blur_and_with_noise(perceptual: Perceptual, world) -> None:
    face, rng = world.faces[0, 0], np.random.default_rng(2)
    blurred = [cv2.GaussianBlur(face, (0, 0), sigma) for sigma in (0.5, 1.0, 2.0, 4.0)]
    noisy = [
        np.clip(face + rng.normal(0, sigma, face.shape), 0, 255).astype(np.uint8) for sigma in (2, 8, 30)
    ]
    for worse in (blurred, noisy):
        found = perceptual.distance(
            np.stack([face, *worse]), np.zeros(len(worse), dtype=int), np.arange(1, len(worse) + 1)
        )
        assert found[0] > 0
        assert (np.diff(found) > 0).all()


def test_one_face_for_every_draw_has_no_diversity_of_draws(perceptual: Perceptual, world) -> None:
    kept = np.repeat(world.faces[:4, :1], 2, axis=1)
    found = diversity(
        kept,
        world.faces[:6].reshape(-1, 64, 64, 3),
        np.repeat(np.arange(6), 2),
        pairs=6,
        seed=0,
        perceptual=perceptual,
    )
    assert found["perceptual_within_voice"] == pytest.approx(0.0, abs=1e-6)
    assert found["perceptual_between_voices"] > 0.05
    assert found["perceptual_real"] > 0.05


def test_pairs_are_two_draws_of_a_voice_two_voices_in_a_draw_and_two_people() -> None:
    fake = Fake()
    values = np.arange(5)[:, None] * 10 + np.arange(3)  # voice * 10 + draw
    person = np.array([0, 0, 0, 1, 2])
    diversity(plain(values), plain(person * 10 + np.arange(5)), person, pairs=400, seed=0, perceptual=fake)
    (first, second), (one, other) = fake.asked
    same_voice, same_draw = first // 10 == second // 10, first % 10 == second % 10
    assert (same_voice != same_draw).all()
    # Each pair is looked at once: 5 * 3 of draws, 3 * 10 of voices, and all pairs of photos of two people.
    assert (same_voice.sum(), same_draw.sum()) == (15, 30)
    assert (one // 10 != other // 10).all()
    assert len(one) == 7


def test_means_approach_those_over_all_pairs() -> None:
    rng = np.random.default_rng(3)
    values, photos = rng.integers(0, 256, size=(6, 4)), rng.integers(0, 256, size=20)
    person = np.repeat([0, 1, 2], [1, 4, 15])
    found = diversity(plain(values), plain(photos), person, pairs=20000, seed=0, perceptual=Fake())
    apart = np.abs(values[:, :, None] - values[:, None, :])
    assert found["perceptual_within_voice"] == pytest.approx(apart.sum() / (6 * 12), rel=0.03)
    assert found["perceptual_between_voices"] == pytest.approx(
        np.abs(values[:, None] - values[None]).sum() / (4 * 30), rel=0.03
    )
    # Every pair of people weighs the same, however many photos they have.
    between = [
        np.abs(photos[person == a][:, None] - photos[person == b]).mean() for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    assert found["perceptual_real"] == pytest.approx(np.mean(between), rel=0.03)


def test_few_faces_are_looked_at_however_many_there_are() -> None:
    fake = Fake()
    diversity(
        plain(np.zeros((5000, 30))), plain(np.zeros(9000)), np.arange(9000), pairs=50, seed=0, perceptual=fake
    )
    drawn, true = fake.rows
    assert (drawn.shape, true.shape) == ((2, 100), (2, 50))
    # Pairs follow each other along a walk and share a face, so half as many faces as two a pair.
    assert len(np.unique(drawn)) <= 101
    assert len(np.unique(true)) <= 51
    assert all(len(np.intersect1d(drawn[:, p], drawn[:, p + 1])) == 1 for p in range(99))


def test_true_faces_are_reduced_to_the_size_of_drawn_ones() -> None:
    fake = Fake()
    diversity(
        plain(np.arange(3)[:, None], 8),
        plain(np.arange(3), 32),
        np.arange(3),
        pairs=4,
        seed=0,
        perceptual=fake,
    )
    assert fake.sides == {8}


def test_what_has_no_pairs_is_left_out() -> None:
    photos = plain(np.arange(4))
    assert set(
        diversity(plain(np.zeros((3, 1))), photos, np.zeros(4, dtype=int), 5, 0, perceptual=Fake())
    ) == {"perceptual_between_voices"}
    assert set(diversity(plain(np.zeros((1, 2))), photos, np.arange(4), 5, 0, perceptual=Fake())) == {
        "perceptual_within_voice",
        "perceptual_real",
    }
    assert (
        diversity(plain(np.zeros((1, 1))), photos[:0], np.zeros(0, dtype=int), 5, 0, perceptual=Fake()) == {}
    )


def test_the_seed_chooses_the_pairs() -> None:
    kept, photos = plain(np.arange(60).reshape(20, 3) * 4), plain(np.arange(30) * 8)
    runs = [diversity(kept, photos, np.arange(30), 20, seed, perceptual=Fake()) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]
