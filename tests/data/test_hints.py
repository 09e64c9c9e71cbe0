"""Annotations that come with photos: read in their published forms, and used to choose among faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces import find, hints
from deepfacegen.data.faces.detect import Detector
from deepfacegen.errors import UserError

NAN = [float("nan")] * 10
PHOTOS = ["A.J._Buckley/00000001", "n000001/0001_01", "n000001/0002_01", "n000002/0001_01"]


def inventory(ids: list[str] = PHOTOS) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "photo_id": pd.Series(ids, dtype="str"),
            "path": pd.Series([f"{name}.jpg" for name in ids], dtype="str"),
        }
    )


def box(*values: float) -> np.ndarray:
    return np.array([*values, *NAN], dtype=np.float32)


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """VGGFace2's two files for two of the photos, each with malformed rows, and a list of VGGFace's for one,
    spelt with a dot more."""
    (tmp_path / "bb_landmark").mkdir()
    (tmp_path / "bb_landmark/loose_bb_train.csv").write_text(
        'NAME_ID,X,Y,W,H\n"n000001/0001_01",60,-5,79,109\n"n000002/0001_01",1,2,3,x\n"n000002/0001_01",1,2\n"n999999/0001_01",1,2,3,4\n'
    )
    points = ",".join(str(k + 0.5) for k in range(10))
    head = ",".join(f"P{k}{axis}" for k in range(1, 6) for axis in "XY")
    (tmp_path / "bb_landmark/loose_landmark_train.csv").write_text(
        f'NAME_ID,{head}\n"n000001/0002_01",{points}\n"n000001/0001_01",{points}\n'
    )
    (tmp_path / "files").mkdir()
    (tmp_path / "files/A.J._Buckley..txt").write_text(
        "00000001 http://a.b/c.jpg 10.5 20 110.5 140 4 3.5 1\n00000002 http://a.b/d.jpg "
        "1 2 3 4 5\nbroken line\n\n"
    )
    return tmp_path


def test_published_forms_are_read(annotated: Path) -> None:
    table, counts = hints.attach(annotated, inventory())
    found = hints.of_rows(table)
    assert found[0] is not None
    assert found[0][:4].tolist() == [10.5, 20, 100, 120]
    assert np.isnan(found[0][4:]).all()
    assert found[1] is not None
    assert found[1].tolist() == [60, -5, 79, 109, *(k + 0.5 for k in range(10))]
    assert found[2] is not None
    assert np.isnan(found[2][:4]).all()
    assert found[3] is None
    assert counts == {"photos": 3, "files": 3, "malformed_rows": 3, "unknown_photos": 2}
    assert table[["photo_id", "path"]].equals(inventory())


def test_without_annotations_rows_have_none() -> None:
    assert hints.of_rows(inventory()) == [None] * 4


@pytest.mark.parametrize(("made", "message"), [(False, "no such folder"), (True, "holds no loose_bb")])
def test_a_folder_without_annotations_is_named(tmp_path: Path, made: bool, message: str) -> None:
    if made:
        (tmp_path / "hints").mkdir()
    with pytest.raises(UserError, match=rf"hints: {message}.*data.face_hints"):
        hints.attach(tmp_path / "hints", inventory())


def test_a_csv_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "loose_bb_test.csv").write_bytes(b"")
    with pytest.raises(UserError, match=r"loose_bb_test\.csv: not a csv.*data.face_hints"):
        hints.attach(tmp_path, inventory())


def test_a_box_chooses_what_it_overlaps_and_points_what_is_near() -> None:
    boxes = np.array([[0, 0, 50, 60], [100, 20, 40, 50]], dtype=np.float32)
    points = np.stack([np.full((5, 2), 25.0), np.full((5, 2), (120.0, 45.0))])
    assert hints.choose(box(95, 15, 50, 60), boxes, points) == 1
    assert hints.choose(box(300, 15, 50, 60), boxes, points) is None
    assert hints.choose(np.array([*[np.nan] * 4, *[24.0, 26.0] * 5], dtype=np.float32), boxes, points) == 0
    assert hints.choose(np.array([*[np.nan] * 4, *[70.0, 45.0] * 5], dtype=np.float32), boxes, points) is None


def test_an_annotation_of_another_picture_is_not_used() -> None:
    assert hints.fits(box(10, 10, 100, 100), 224, 224)
    assert not hints.fits(box(200, 10, 100, 100), 224, 224)
    assert not hints.fits(box(10, 10, 0, 100), 224, 224)
    assert hints.fits(
        np.array(
            [*[np.nan] * 4, *[20.0, 30.0, 40.0, 30.0, 30.0, 40.0, 22.0, 50.0, 38.0, 50.0]], dtype=np.float32
        ),
        224,
        224,
    )


def test_a_couple_is_no_riddle_when_the_box_is_known(portrait: np.ndarray) -> None:
    couple = np.concatenate([portrait, portrait // 2], axis=1)
    found = Detector().detect(couple)
    left, right = sorted((row for row in found.boxes[:2]), key=lambda row: row[0])
    with pytest.raises(find.RejectError, match="several_faces"):
        find.find_face(FacesConfig(), Detector(), couple)
    one, other = (find.find_face(FacesConfig(), Detector(), couple, box(*row)) for row in (left, right))
    assert other.pixels.mean() < 0.7 * one.pixels.mean()
    with pytest.raises(find.RejectError, match="no_face"):
        find.find_face(FacesConfig(), Detector(), couple, box(0, 0, 20, 20))
    alone = find.find_face(FacesConfig(), Detector(), portrait, box(400, 0, 200, 200))
    assert alone.box_height_px > 0
