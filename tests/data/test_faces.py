"""The faces stage on real files, good and bad: every one accounted for, the same bytes from any number of
workers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces import find, photos
from deepfacegen.data.faces.align import template
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.files import pictures
from deepfacegen.data.shards import FaceShards
from deepfacegen.errors import UserError

CONFIG = FacesConfig(size_px=128, photos_per_shard=4)


def with_friend(portrait: np.ndarray, scale: float) -> np.ndarray:
    """The portrait with the same face once more beside it, `scale` times as large."""
    friend = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((224, 448, 3), 128, dtype=np.uint8)
    canvas[:, :224] = portrait
    canvas[: friend.shape[0], 224 : 224 + friend.shape[1]] = friend
    return canvas


@pytest.fixture(scope="module")
def album(
    tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray, write: dict
) -> tuple[Path, pd.DataFrame, dict[str, str]]:
    """A folder of photos and videos, its inventory, and the reason expected for each path ("" where it is to
    be kept)."""
    root = tmp_path_factory.mktemp("album")
    whole = write["photo"](root / "a.jpg", portrait).read_bytes()
    write["photo"](root / "a.png", portrait)
    write["photo"](root / "background.jpg", with_friend(portrait, 0.3))
    write["photo"](root / "couple.jpg", with_friend(portrait, 0.8))
    write["photo"](root / "pixel.png", portrait[:1, :1])
    write["photo"](root / "room.jpg", np.full((224, 224, 3), 140, dtype=np.uint8))
    write["photo"](root / "tiny.png", cv2.resize(portrait, (38, 38), interpolation=cv2.INTER_AREA))
    (root / "text.jpg").write_text("not a picture")
    (root / "empty.jpg").write_bytes(b"")
    (root / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (20_000, 20_000)).save(root / "vast.png")
    write["film"](
        root / "film.mp4",
        np.concatenate(
            [np.repeat(portrait[None], 10, axis=0), np.full((5, 224, 224, 3), 140, dtype=np.uint8)]
        ),
    )
    write["film"](root / "rooms.mp4", np.full((10, 224, 224, 3), 140, dtype=np.uint8))
    (root / "broken.mp4").write_bytes(b"\0" * 500)
    expected = {
        "a.jpg": "",
        "a.png": "duplicate",
        "background.jpg": "",
        "broken.mp4": "corrupt",
        "couple.jpg": "several_faces",
        "cut.jpg": "corrupt",
        "empty.jpg": "corrupt",
        "film.mp4": "",
        "gone.jpg": "corrupt",
        "pixel.png": "no_face",
        "room.jpg": "no_face",
        "rooms.mp4": "no_face",
        "text.jpg": "corrupt",
        "tiny.png": "too_small",
        "vast.png": "too_large",
    }
    rows = [
        (f"n1/{Path(path).stem}", "n1", path, "video" if path.endswith("mp4") else "photo", 1)
        for path in expected
    ]
    return root, pd.DataFrame(rows, columns=["photo_id", "face_id", "path", "kind", "size_bytes"]), expected


def test_every_file_is_kept_or_rejected_for_the_right_reason(tmp_path: Path, album: tuple) -> None:
    root, inventory, expected = album
    metrics = photos.extract(CONFIG, inventory, root, root, tmp_path)
    table, rejects = (
        pd.read_parquet(tmp_path / "faces.parquet"),
        pd.read_parquet(tmp_path / "rejects.parquet"),
    )
    assert dict(zip(rejects["path"], rejects["reason"], strict=True)) == {
        path: why for path, why in expected.items() if why
    }
    assert table["photo_id"].tolist() == ["n1/a", "n1/background", "n1/film#0000", "n1/film#0001"]
    assert (metrics["seen"], metrics["kept"], metrics["faces"]) == (len(expected), 3, 4)
    assert metrics["kept"] + metrics["rejected"]["all"] == metrics["seen"]


def test_stored_faces_have_their_points_on_the_template(tmp_path: Path, album: tuple) -> None:
    root, inventory, _ = album
    photos.extract(CONFIG, inventory, root, root, tmp_path)
    table = pd.read_parquet(tmp_path / "faces.parquet")
    stored = FaceShards(tmp_path).gather(table["shard"].to_numpy(), table["row"].to_numpy())
    assert stored.shape == (4, 128, 128, 3)
    detector = Detector()
    for face in stored:
        # enlarged, so that the detector's own error is small beside what is measured
        found = detector.detect(np.pad(face, ((64, 64), (64, 64), (0, 0)), mode="edge"))
        assert np.abs(found.points[0] - 64 - template(128)).max() < 8
    assert table["score"].between(0.7, 1).all()
    assert (table["yaw_ratio"] < 0.6).all()
    assert (table["sharpness"] > 0).all()


def test_red_stays_red(tmp_path: Path, portrait: np.ndarray, write: dict) -> None:
    write["photo"](tmp_path / "a.png", portrait)
    assert np.array_equal(pictures.read_photo(tmp_path / "a.png"), portrait)


@given(st.data())
def test_what_is_decoded_has_the_size_that_is_checked(portrait: np.ndarray, data: Any) -> None:
    """A photo's size is checked as Pillow reads it; OpenCV must not decode a larger one."""
    held = io.BytesIO()
    Image.fromarray(portrait).save(held, "JPEG")
    damaged = bytearray(held.getvalue())
    for place in data.draw(st.lists(st.integers(0, 700), min_size=1, max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        with Image.open(io.BytesIO(bytes(damaged))) as picture:
            expected = picture.size
    except (OSError, ValueError, SyntaxError):
        return
    decoded = cv2.imdecode(np.frombuffer(damaged, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert decoded is None or decoded.shape[0] * decoded.shape[1] == expected[0] * expected[1]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_yaw_ratio": 0.0}, "extreme_pose"),
        ({"min_face_px": 500}, "too_small"),
        ({"min_score": 0.99}, "no_face"),
    ],
)
def test_gates_follow_their_parameters(portrait: np.ndarray, limits: dict, reason: str) -> None:
    with pytest.raises(pictures.RejectError, match=reason):
        find.find_face(FacesConfig(**limits), Detector(), portrait)


def test_the_same_bytes_with_one_worker_and_two(
    tmp_path: Path, album: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, inventory, _ = album
    for workers in "12":
        monkeypatch.setenv("DEEPFACEGEN_WORKERS", workers)
        photos.extract(CONFIG, inventory, root, root, tmp_path / workers)
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert len(names) > 4
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_nothing_usable_at_all_is_an_error(tmp_path: Path, album: tuple) -> None:
    root, inventory, _ = album
    with pytest.raises(UserError, match=r"none of 1 files gave a face.*no_face"):
        photos.extract(CONFIG, inventory[inventory["path"] == "room.jpg"], root, root, tmp_path)


def test_plots_show_faces_and_count_rejects(tmp_path: Path, album: tuple) -> None:
    root, inventory, expected = album
    photos.extract(CONFIG, inventory, root, root, tmp_path / "out")
    photos.plot(tmp_path / "out", tmp_path / "plots")
    with Image.open(tmp_path / "plots/faces.png") as sheet:
        assert sheet.size == (16 * 64, 64)
    counted = pd.read_csv(tmp_path / "plots/rejects.csv").set_index("reason")["files"]
    assert counted.sum() == sum(bool(why) for why in expected.values())
    assert (tmp_path / "plots/rejects.png").is_file()
