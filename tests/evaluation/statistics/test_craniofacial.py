"""Craniofacial measures of a face made by hand, what they must not change with, the points on real faces, and
correlations against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from deepfacegen.data.faces.align import template
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.statistics.craniofacial import MEASURES, correlations, landmarks, measures
from tests.evaluation import orl

# The list of Oh et al. 2019, table 2b.
PUBLISHED = {
    *(
        "upper_lip_height",
        "lateral_upper_lip_heights",
        "jaw_width",
        "nose_height",
        "nose_width",
        "labio_oral_region",
        "mandibular_index",
    ),
    *("intercanthal_index", "nasal_index", "vermilion_height_index", "mouth_face_width_index", "nose_area"),
}


def face(**moved: tuple[float, float]) -> np.ndarray:
    """A symmetric face, float64 [68, 2]: eyes from corner to corner 100 wide, inner corners 40 apart, nose 50
    high and 30 wide, mouth 60 wide, jaw 120, cheeks 150, upper lip 20 high (its red 6), red of the lower lip
    8, from its upper edge to the chin 45. `p33=(0, 1)` moves point 33."""
    points = np.zeros((68, 2))
    both = {
        (36, 45): (50, 0),
        (39, 42): (20, 0),
        (31, 35): (15, 50),
        (48, 54): (30, 72),
        (4, 12): (60, 80),
        (1, 15): (75, 10),
        (49, 53): (15, 65),
    }
    for (right, left), (x, y) in both.items():
        points[right], points[left] = (-x, y), (x, y)
    points[[27, 33, 51, 62, 66, 57, 8], 1] = 0, 50, 64, 70, 71, 79, 116
    for name, place in moved.items():
        points[int(name[1:])] = place
    return points


EXPECTED = {
    "upper_lip_height": 20 / 100,
    "lateral_upper_lip_heights": 15 / 100,
    "jaw_width": 120 / 100,
    "nose_height": 50 / 100,
    "nose_width": 30 / 100,
    "labio_oral_region": 60 / 100,
    "mandibular_index": 45 / 120,
    "intercanthal_index": 40 / 100,
    "nasal_index": 30 / 50,
    "vermilion_height_index": 6 / 8,
    "mouth_face_width_index": 60 / 150,
    "nose_area": 0.5 * 30 * 50 / 100**2,
}


def test_the_published_measures_are_all_there() -> None:
    assert set(MEASURES) == PUBLISHED == set(EXPECTED)
    assert all(measure.definition for measure in MEASURES.values())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_face_of_known_widths(name: str) -> None:
    assert measures(face()[None])[name][0] == pytest.approx(EXPECTED[name])


@pytest.mark.parametrize(
    ("moved", "changed"),
    [
        ({"p8": (0.0, 136.0)}, {"mandibular_index"}),
        ({"p48": (-40.0, 72.0)}, {"labio_oral_region", "mouth_face_width_index"}),
        ({"p33": (0.0, 40.0)}, {"upper_lip_height", "nose_height", "nasal_index"}),
        ({"p49": (-15.0, 61.0)}, {"lateral_upper_lip_heights"}),
        ({"p39": (-10.0, 0.0)}, {"intercanthal_index"}),
        ({"p12": (70.0, 80.0)}, {"jaw_width", "mandibular_index"}),
        ({"p31": (-25.0, 50.0)}, {"nose_width", "nasal_index", "nose_area", "lateral_upper_lip_heights"}),
    ],
)
def test_one_point_changes_what_is_measured_from_it_and_nothing_else(
    moved: dict[str, tuple[float, float]], changed: set[str]
) -> None:
    before, after = measures(face()[None]), measures(face(**moved)[None])
    assert {name for name in MEASURES if before[name][0] != pytest.approx(after[name][0])} == changed


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.floats(0.05, 20),
    st.floats(-np.pi, np.pi),
    st.floats(-300, 300),
    st.floats(-300, 300),
    st.booleans(),
)
def test_scale_turn_place_and_mirror_do_not_matter(
    seed: int, scale: float, turn: float, x: float, y: float, mirrored: bool
) -> None:
    points = face()[None] + np.random.default_rng(seed).normal(size=(3, 68, 2)) * 3
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = scale * points * ([-1, 1] if mirrored else [1, 1]) @ rotation.T + [x, y]
    before, after = measures(points), measures(moved)
    for name in MEASURES:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-6)


def test_a_length_of_zero_below_the_line_gives_nan() -> None:
    found = measures(np.stack([face(), face(p57=(0.0, 71.0))]))
    assert np.isnan(found["vermilion_height_index"]).tolist() == [False, True]
    assert np.isfinite(found["mandibular_index"]).all()


def test_points_lie_on_the_features_that_the_template_places() -> None:
    faces = orl.aligned()[0][::8]
    points = landmarks(faces)
    assert points.shape == (len(faces), 68, 2)
    assert points.dtype == np.float32
    # The mean over faces: single photos laugh, turn and blink.
    typical = points.mean(axis=0)
    found = np.stack([typical[36:42].mean(axis=0), typical[42:48].mean(axis=0), typical[48], typical[54]])
    np.testing.assert_allclose(found, template(128)[[0, 1, 3, 4]], atol=3.0)
    assert np.linalg.norm(typical[30] - template(128)[2]) < 5.0
    assert typical[8, 1] > typical[57, 1] > typical[33, 1] > typical[27, 1]


def test_points_of_a_smaller_picture_are_the_same_points() -> None:
    faces = orl.aligned()[0][::40]
    large, small = landmarks(faces), landmarks(shrink(faces, 64))
    apart = np.linalg.norm((small + 0.5) * 2 - 0.5 - large, axis=2)
    assert np.median(apart) < 1.5
    assert abs(((small + 0.5) * 2 - 0.5 - large).mean()) < 0.3, "no shift between sizes"


def test_no_faces_no_points() -> None:
    assert landmarks(np.empty((0, 64, 64, 3), dtype=np.uint8)).shape == (0, 68, 2)


def people(
    count: int, drawn_each: int, true_each: int, noise: float, seed: int
) -> tuple[dict, np.ndarray, dict, np.ndarray]:
    """Measures of drawn and true faces of people, who share a part of every measure; the drawn ones' people
    in mixed order."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=count)
    drawn_person, true_person = (
        rng.permutation(np.repeat(np.arange(count), drawn_each)),
        np.repeat(np.arange(count), true_each),
    )
    drawn = {name: own[drawn_person] + noise * rng.normal(size=len(drawn_person)) for name in ("a", "b")}
    true = {name: own[true_person] + noise * rng.normal(size=len(true_person)) for name in ("a", "b")}
    return drawn, drawn_person, true, true_person


def test_correlations_are_those_of_the_means_of_people() -> None:
    drawn, drawn_person, true, true_person = people(30, 4, 3, 1.0, 0)
    found = correlations(drawn, drawn_person, true, true_person, 300, 0)
    for name in ("a", "b"):
        x = [drawn[name][drawn_person == k].mean() for k in range(30)]
        y = [true[name][true_person == k].mean() for k in range(30)]
        assert found[name]["r"] == pytest.approx(pearsonr(x, y).statistic)
        assert found[name]["ci95_low"] < found[name]["r"] < found[name]["ci95_high"]
        assert found[name]["identities"] == 30
    assert found["a"]["r"] != found["b"]["r"]


@pytest.mark.parametrize("count", [40, 400])
def test_the_floor_is_what_chance_reaches_one_time_in_forty(count: int) -> None:
    """Of independent pairs r is about normal with deviation 1 / sqrt(n - 1); the true r has no part in it."""
    found = correlations(*people(count, 1, 1, 0.3, 1), 50, 0)["a"]
    assert found["r"] > 0.85
    assert found["shuffled_r"] == pytest.approx(1.96 / (count - 1) ** 0.5, rel=0.15)


def test_only_people_with_both_kinds_of_faces_count() -> None:
    drawn = {"a": np.array([1.0, 2.0, 4.0, 9.0, np.nan])}
    true = {"a": np.array([5.0, 3.0, 2.0, 8.0, 1.0])}
    found = correlations(drawn, np.array([3, 1, 2, 7, 0]), true, np.array([1, 2, 3, 9, 0]), 50, 0)
    assert found["a"]["identities"] == 3
    assert found["a"]["r"] == pytest.approx(pearsonr([2.0, 4.0, 1.0], [5.0, 3.0, 2.0]).statistic)


def test_measures_that_cannot_correlate_are_left_out() -> None:
    person = np.arange(4)
    rising = {"same": np.ones(4), "varied": np.arange(4.0)}
    assert set(correlations(rising, person, rising, person, 50, 0)) == {"varied"}
    two = {"varied": np.arange(2.0)}
    assert correlations(two, np.arange(2), two, np.arange(2), 50, 0) == {}
