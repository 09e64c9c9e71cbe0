"""Portraits: found by the detector, different from each other, with the audible latents visible."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deepfacegen import weights
from deepfacegen.config.schema import SampleConfig
from deepfacegen.synthetic.people import Person, from_row, sample_people
from deepfacegen.synthetic.portrait import render_backdrop, render_photo, render_portrait, sample_photo

PX = 224


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [from_row(row) for row in sample_people(SampleConfig(identities=12)).to_dict("records")]


def faces_in(picture: np.ndarray) -> int:
    height, width = picture.shape[:2]
    detector = cv2.FaceDetectorYN.create(str(weights.locate("yunet")), "", (width, height), 0.7)
    found = detector.detect(picture[..., ::-1].copy())[1]
    return 0 if found is None else len(found)


def test_exactly_one_face_in_every_portrait(people: list[Person]) -> None:
    assert [faces_in(render_portrait(p, np.random.default_rng(k), PX)) for k, p in enumerate(people)] == [
        1
    ] * len(people)


def test_nobody_in_an_empty_room() -> None:
    assert faces_in(render_backdrop(sample_photo(np.random.default_rng(0)), PX)) == 0


@pytest.mark.parametrize("size_px", [96, 224, 301])
def test_shape_and_range(people: list[Person], size_px: int) -> None:
    picture = render_portrait(people[0], np.random.default_rng(1), size_px)
    assert picture.shape == (size_px, size_px, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 20  # neither flat nor burnt out
    assert (picture == 255).mean() < 0.1


def test_same_seed_same_pixels(people: list[Person]) -> None:
    one, two, other = (render_portrait(people[1], np.random.default_rng(seed), PX) for seed in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_size_changes_sharpness_not_composition(people: list[Person]) -> None:
    photo = sample_photo(np.random.default_rng(2))
    large = cv2.resize(render_photo(people[2], photo, 2 * PX), (PX, PX), interpolation=cv2.INTER_AREA).astype(
        float
    )
    assert np.abs(large - render_photo(people[2], photo, PX)).mean() < 4.0


def test_timbre_of_the_voice_leaves_the_face_alone(people: list[Person]) -> None:
    photo = sample_photo(np.random.default_rng(3))
    other = replace(people[0], timbre=tuple(-t for t in people[0].timbre))
    assert np.array_equal(render_photo(people[0], photo, PX), render_photo(other, photo, PX))


@pytest.mark.parametrize(
    ("change", "least"),
    [
        ({"gender": "other"}, 3.0),
        ({"age_years": 60.0}, 1.5),
        ({"body_size": 1.0}, 2.0),
        ({"shape": "other"}, 0.3),
    ],
)
def test_every_latent_moves_the_middle_of_the_face(
    people: list[Person], change: dict[str, object], least: float
) -> None:
    person = replace(people[0], age_years=25.0, body_size=0.1)
    if change.get("gender"):
        change = {"gender": "f" if person.gender == "m" else "m"}
    if change.get("shape"):
        change = {"shape": tuple(-s for s in person.shape)}
    photo = sample_photo(np.random.default_rng(4))
    middle = slice(PX // 4, 3 * PX // 4)
    before = render_photo(person, photo, PX)[middle, middle].astype(float)
    after = render_photo(replace(person, **change), photo, PX)[middle, middle].astype(float)
    assert np.abs(after - before).mean() > least


def test_a_talking_mouth_moves_the_mouth_only(people: list[Person]) -> None:
    photo = replace(
        sample_photo(np.random.default_rng(5)),
        mouth_open=0.0,
        centre_x=0.0,
        centre_y=0.0,
        yaw=0.0,
        pitch=0.0,
        roll=0.0,
    )
    change = np.abs(
        render_photo(people[0], replace(photo, mouth_open=0.9), PX).astype(float)
        - render_photo(people[0], photo, PX)
    ).mean(axis=2)
    rows = np.flatnonzero(change.max(axis=1) > 8)
    assert rows.min() > 0.5 * PX
    assert change.max() > 60
