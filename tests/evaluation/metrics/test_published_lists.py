"""A folder of published lists: each is scored under its name, by faces or by voices, and what is missing is
metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.data.batches import Manifest
from deepfacegen.errors import UserError
from deepfacegen.evaluation.metrics.published_lists import PairScore, published_lists
from deepfacegen.evaluation.scores import Matrix

IDS = ["id10001", "id10002", "id10003", "id10004"]
PEOPLE = pd.DataFrame(
    {
        "identity_id": IDS,
        "voice_id": IDS,
        "face_id": ["A._One", "B._Two", "C._Three", "D._Four"],
        "split": ["train", "train", "test", "test"],
    }
)
CLIPS = pd.DataFrame(
    {"clip_id": [f"{i}/video/0000{k}" for i in IDS for k in (1, 2)], "identity_id": np.repeat(IDS, 2)}
)
FACES = pd.DataFrame(
    {"photo_id": [f"{name}/1.6/video/0000001" for name in PEOPLE["face_id"]], "identity_id": IDS}
)
MANIFEST = Manifest(PEOPLE, CLIPS, FACES)
MATCHING = "\n".join(
    [
        "id10001/video/00001.wav A._One/1.6/video/0000001.jpg B._Two/1.6/video/0000001.jpg",
        "id10003/video/00001.wav C._Three/1.6/video/0000001.jpg D._Four/1.6/video/0000001.jpg",
        "id10004/video/00002.wav D._Four/1.6/video/0000001.jpg C._Three/1.6/video/0000001.jpg",
        "id10004/video/00009.wav D._Four/1.6/video/0000001.jpg C._Three/1.6/video/0000001.jpg",
    ]
)
VOICES = "\n".join(
    [
        "1 id10003/video/00001.wav id10003/video/00002.wav",
        "0 id10003/video/00001.wav id10004/video/00001.wav",
        "1 id10004/video/00001.wav id10004/video/00002.wav",
    ]
)


def knows(clips: pd.DataFrame, faces: pd.DataFrame) -> dict[str, PairScore]:
    same = (clips["identity_id"].to_numpy()[:, None] == faces["identity_id"].to_numpy()[None, :]).astype(
        float
    )
    return {"": Matrix(same), "_centred": Matrix(-same)}


def embed(clips: pd.DataFrame) -> np.ndarray:
    return np.eye(4)[pd.Categorical(clips["identity_id"], categories=IDS).codes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pairs.txt").write_text(VOICES, encoding="utf-8")
    (tmp_path / "choices.csv").write_text(MATCHING, encoding="utf-8")
    (tmp_path / "README.md").write_text("where they are from", encoding="utf-8")
    return tmp_path


def test_every_list_under_its_name_in_every_way_to_score(folder: Path) -> None:
    metrics = published_lists(folder, MANIFEST, knows, embed, 100, 0)
    choices = metrics["lists"]["choices"]
    assert (choices["kind"], choices["lines"], choices["scored"], choices["lost"]["missing_clip"]) == (
        "matching",
        4,
        3,
        1,
    )
    assert choices["seen"]["accuracy"] == choices["unseen"]["accuracy"] == 1.0
    assert metrics["lists_centred"]["choices"]["unseen"]["accuracy"] == 0.0
    assert (choices["seen"]["trials"], choices["unseen"]["trials"]) == (1, 2)
    assert metrics["lists"]["pairs"]["unseen"]["auc"] == 1.0
    assert "pairs" not in metrics["lists_centred"], "voices are compared with voices in one way only"


def test_lists_of_voices_need_a_voice_encoder(folder: Path) -> None:
    assert set(published_lists(folder, MANIFEST, knows, None, 100, 0)["lists"]) == {"choices"}


def test_a_folder_without_lists_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=r"holds no trial lists.*evaluate\.trial_lists"):
            published_lists(folder, MANIFEST, knows, embed, 100, 0)


def test_two_lists_of_one_name_are_an_error(folder: Path) -> None:
    (folder / "pairs.csv").write_text(MATCHING, encoding="utf-8")
    with pytest.raises(UserError, match="two trial lists are named pairs"):
        published_lists(folder, MANIFEST, knows, embed, 100, 0)
