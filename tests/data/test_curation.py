"""Flags on stored faces: copies within and across people, swapped photos, and what is dropped is accounted
for."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfacegen.config.schema import ConfigError, FacesConfig, SampleConfig
from deepfacegen.data.faces import curate as curation
from deepfacegen.data.shards import shard_path, write_array
from deepfacegen.errors import UserError
from deepfacegen.synthetic.people import from_row, sample_people
from deepfacegen.synthetic.portrait import render_portrait

PEOPLE, PHOTOS, SIDE_PX = 4, 4, 96


def colour_embed(faces: np.ndarray) -> np.ndarray:
    """Who somebody is stands in the first pixel: unit vectors [N, 4], a little apart."""
    who = faces[:, 0, 0, 0] // 60
    vectors = np.eye(4, dtype=np.float32)[who] + 0.1 * (faces[:, 0, 0, 1:2] / 255.0)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """uint8 [4, 4, 96, 96, 3]: portraits of sample people, whose number is in the first pixel."""
    people = [from_row(row) for _, row in sample_people(SampleConfig(identities=12)).iterrows()][:PEOPLE]
    out = np.stack(
        [
            [render_portrait(person, np.random.default_rng(10 * i + j), SIDE_PX) for j in range(PHOTOS)]
            for i, person in enumerate(people)
        ]
    )
    for i in range(PEOPLE):
        out[i, :, 0, 0] = [[60 * i, 50 * j, 0] for j in range(PHOTOS)]
    return out


class World:
    """A finished stage: people `p0` .. `p3` with photos `a` .. `d`, then what a test changes."""

    def __init__(self, out: Path, faces: np.ndarray) -> None:
        self.out = out
        self.rows = [
            [f"p{i}/{'abcd'[j]}", f"p{i}", faces[i, j]] for i in range(PEOPLE) for j in range(PHOTOS)
        ]

    def curate(
        self, embed: curation.Embed | None = None, **params: object
    ) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
        rows = sorted(self.rows, key=lambda row: row[0])
        half = len(rows) // 2
        for shard, part in enumerate((rows[:half], rows[half:])):
            write_array(shard_path(self.out, shard), np.stack([row[2] for row in part]))
        places = [
            (shard, row) for shard, part in enumerate((rows[:half], rows[half:])) for row in range(len(part))
        ]
        table = pd.DataFrame(
            [(row[0], row[1], *place) for row, place in zip(rows, places, strict=True)],
            columns=["photo_id", "face_id", "shard", "row"],
        )
        table.to_parquet(self.out / "faces.parquet", index=False)
        pd.DataFrame([("p0/x", "p0/x.jpg", "no_face")], columns=["photo_id", "path", "reason"]).to_parquet(
            self.out / "rejects.parquet", index=False
        )
        files = sorted({row[0].partition("#")[0] for row in rows} | {"p0/x"})
        inventory = pd.DataFrame({"photo_id": files, "path": [f"{file}.jpg" for file in files]})
        inventory.to_parquet(self.out / "inventory.parquet", index=False)
        metrics = curation.curate(
            FacesConfig(**params), self.out / "inventory.parquet", self.out, {"seen": len(files)}, embed
        )
        return (
            pd.read_parquet(self.out / "faces.parquet"),
            pd.read_parquet(self.out / "rejects.parquet"),
            metrics,
        )


@pytest.fixture
def world(tmp_path: Path, faces: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "threading")
    return World(tmp_path, faces)


def copy(face: np.ndarray) -> np.ndarray:
    again = cv2.imdecode(
        cv2.imencode(".jpg", np.roll(face, 1, axis=1), [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR
    )
    again[0, 0] = face[0, 0]
    return again


def values(table: pd.DataFrame, column: str) -> dict[str, object]:
    flagged = table[table[column].notna() & (table[column] != False)]  # noqa: E712
    return dict(zip(flagged["photo_id"], flagged[column], strict=True))


def test_different_photos_have_no_flags(world: World) -> None:
    table, _, metrics = world.curate(flags="hash")
    assert len(table) == PEOPLE * PHOTOS
    assert table["duplicate_of"].isna().all()
    assert table["outlier"].isna().all()  # nobody judged
    assert metrics["flags"] == {"near_duplicates": 0, "across_people": 0, "mislabelled": 0, "dropped": 0}
    assert (metrics["kept"], metrics["rejected"]) == (16, {"all": 1, "no_face": 1})
    assert not (world.out / curation.SELECTION).exists()


@pytest.mark.parametrize("unit_faces", [2000, 1])
def test_copies_name_their_original_within_and_across_people(
    world: World, faces: np.ndarray, unit_faces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curation, "UNIT_FACES", unit_faces)
    world.rows += [
        ["p1/e", "p1", copy(faces[1, 0])],
        ["p1/f", "p1", copy(faces[1, 0])[:, ::-1].copy()],
        ["p3/z", "p3", copy(faces[0, 2])],
    ]
    table, _, metrics = world.curate(flags="hash")
    assert values(table, "duplicate_of") == {"p1/e": "p1/a", "p1/f": "p1/a", "p3/z": "p0/c"}
    assert metrics["flags"] == {"near_duplicates": 3, "across_people": 1, "mislabelled": 0, "dropped": 0}
    assert len(table) == PEOPLE * PHOTOS + 3


def test_swapped_photos_stand_out_and_are_taken_for_the_copy(world: World, faces: np.ndarray) -> None:
    """p0 holds a photo of p2, and a copy of it is with p2: the one with p0 is flagged twice, though it comes
    first."""
    world.rows += [["p0/s", "p0", copy(faces[2, 1])]]
    table, _, metrics = world.curate(colour_embed, flags="dlib")
    assert values(table, "outlier") == {"p0/s": True}
    assert values(table, "duplicate_of") == {"p0/s": "p2/b"}
    assert table["outlier"].notna().all()
    assert metrics["flags"]["mislabelled"] == 1
    assert not (world.out / curation.SELECTION).exists()  # flagged, not chosen


def test_what_is_dropped_is_rejected_with_its_reason(world: World, faces: np.ndarray) -> None:
    world.rows += [["p0/s", "p0", cv2.rotate(faces[2, 1], cv2.ROTATE_180)], ["p1/e", "p1", copy(faces[1, 0])]]
    world.rows[-2][2][0, 0] = [120, 0, 0]
    table, rejects, metrics = world.curate(
        colour_embed, flags="dlib", drop_duplicates=True, drop_outliers=True
    )
    assert dict(zip(rejects["photo_id"], rejects["reason"], strict=True)) == {
        "p0/s": "mislabelled",
        "p0/x": "no_face",
        "p1/e": "near_duplicate",
    }
    assert rejects["path"].tolist() == ["p0/s.jpg", "p0/x.jpg", "p1/e.jpg"]
    assert not {"p0/s", "p1/e"} & set(table["photo_id"])
    assert metrics["kept"] + metrics["rejected"]["all"] == metrics["seen"]
    assert json.loads((world.out / curation.SELECTION).read_text()) == {"selected_with": ["dlib"]}


def test_a_film_is_rejected_only_when_no_frame_is_left(world: World, faces: np.ndarray) -> None:
    world.rows += [
        ["p1/v#0000", "p1", copy(faces[1, 0])],
        ["p1/v#0001", "p1", copy(faces[1, 1])],
        ["p2/w#0000", "p2", copy(faces[2, 0])],
    ]
    world.rows[-1][2] = cv2.flip(world.rows[-1][2], 1)
    world.rows += [["p2/w#0001", "p2", cv2.rotate(faces[2, 0], cv2.ROTATE_180)]]
    table, rejects, metrics = world.curate(flags="hash", drop_duplicates=True)
    assert [row for row in table["photo_id"] if "#" in row] == ["p2/w#0001"]
    assert rejects["photo_id"].tolist() == ["p0/x", "p1/v"]
    assert metrics["flags"]["dropped"] == 3


def test_dropping_everything_is_an_error(
    world: World, faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curation, "mislabelled", lambda vectors, least: np.ones(len(vectors), dtype=np.int8))
    with pytest.raises(UserError, match=r"faces\.drop_outliers"):
        world.curate(colour_embed, flags="dlib", drop_outliers=True)


@pytest.mark.parametrize(
    "params", [{"drop_duplicates": True}, {"drop_outliers": True}, {"drop_outliers": True, "flags": "hash"}]
)
def test_dropping_needs_flags(params: dict) -> None:
    with pytest.raises(ConfigError, match=r"needs faces\.flags"):
        FacesConfig(**params)


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(0, 5), st.integers(0, 1000))
def test_the_minority_stands_out(right: int, wrong: int, seed: int) -> None:
    """Vectors about one direction, and others each about its own: flagged are the others, if they are fewer;
    else nobody is judged."""
    rng = np.random.default_rng(seed)
    directions = np.eye(wrong + 1, 40)
    vectors = directions[[0] * right + list(range(1, wrong + 1))] + 0.02 * rng.normal(
        size=(right + wrong, 40)
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = curation.mislabelled(vectors.astype(np.float32), 0.5)
    if right + wrong < 3 or 2 * wrong >= right + wrong:
        assert (found[right:] == -1).all() or right > wrong
        assert (found == -1).all()
    else:
        assert found.tolist() == [0] * right + [1] * wrong


def test_many_faces_are_compared_with_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curation, "MOST_COMPARED", 7)
    vectors = np.eye(2, 8, dtype=np.float32)[[0] * 50 + [1] * 3]
    assert curation.mislabelled(vectors, 0.5).tolist() == [0] * 50 + [1] * 3
