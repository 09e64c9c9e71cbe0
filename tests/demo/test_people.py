"""Unseen sample people on pages of their own; real people never."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepfacegen.demo import people as demo_people
from deepfacegen.demo.people import People
from deepfacegen.errors import UserError
from tests.demo.parts import Parts


def test_people_come_a_page_at_a_time_by_eye_and_ear(people: People) -> None:
    assert people.pages == 3
    for number, names in ((0, range(4)), (1, range(4, 8)), (2, [8]), (7, [8]), (-1, range(4))):
        parts = Parts(demo_people.page_html(people, number))
        assert [attributes["aria-label"] for tag, attributes in parts.tags if tag == "audio"] == [
            f"voice of id{k}" for k in names
        ]
        assert len(parts.pictures("real face")) == len(names)
        assert len(parts.pictures("generated from")) == 2 * len(names)
    text = Parts(demo_people.page_html(people, 0)).text
    assert "woman, 31 years" in text
    assert "gender not listed, 70 years" in text
    assert "nan" not in text


def evaluated(root: Path, people: People, source: str = "sample") -> Path:
    folder = root / "data" / "evaluate" / "cgan"
    folder.mkdir(parents=True)
    people.table.to_parquet(folder / "unseen.parquet")
    np.savez(folder / "unseen.npz", true=people.real, drawn=people.generated, speech=people.speech)
    (root / "metrics" / "evaluate").mkdir(parents=True)
    (root / "metrics" / "evaluate" / "cgan.json").write_text(json.dumps({"data": {"source": source}}))
    return folder


def test_people_are_read_from_where_the_evaluation_left_them(people: People, tmp_path: Path) -> None:
    assert demo_people.read(tmp_path) is None
    folder = evaluated(tmp_path, people)
    found = demo_people.read(tmp_path)
    assert found is not None
    assert demo_people.page_html(found, 1) == demo_people.page_html(people, 1)
    (folder / "unseen.npz").write_bytes(b"damaged")
    with pytest.raises(UserError, match="dvc repro evaluate@cgan"):
        demo_people.read(tmp_path)


def test_real_people_are_never_shown(people: People, tmp_path: Path) -> None:
    evaluated(tmp_path, people, "voxceleb2")
    assert demo_people.read(tmp_path) is None
