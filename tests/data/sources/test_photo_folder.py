"""Photos of people without voices: whose they are in every layout, and what is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfacegen.data.files.tree import PassedOver
from deepfacegen.data.sources.photo_folder import inventory
from deepfacegen.errors import UserError


def listed(root: Path, *paths: str) -> tuple[dict[str, str], dict[str, int]]:
    """Path -> whose photo it is, and the counts of what was passed over."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    passed = PassedOver()
    table = inventory(root, True, passed).to_pandas()
    assert table["photo_id"].is_unique
    assert table["photo_id"].is_monotonic_increasing
    assert set(table["kind"]) == {"photo"}
    assert set(table["size_bytes"]) == {1}
    return dict(zip(table["path"], table["face_id"], strict=True)), dict(passed.counts)


def test_a_folder_is_a_person(tmp_path: Path) -> None:
    found, passed = listed(
        tmp_path, "Zoe_Kravitz/Zoe_Kravitz_0001.jpg", "Zoe_Kravitz/b/2.png", "Harry_Connick_Jr./1.jpg"
    )
    assert found == {
        "Zoe_Kravitz/Zoe_Kravitz_0001.jpg": "Zoe_Kravitz",
        "Zoe_Kravitz/b/2.png": "Zoe_Kravitz",
        "Harry_Connick_Jr./1.jpg": "Harry_Connick_Jr",
    }
    assert not passed


def test_folders_of_vggface2(tmp_path: Path) -> None:
    found, passed = listed(
        tmp_path,
        *("train/n000002/0001_01.jpg", "train/n000003/0001_01.jpg", "test/n000001/0001_01.jpg"),
        "bb_landmark/loose_bb_train.csv",
    )
    assert sorted(found.values()) == ["n000001", "n000002", "n000003"]
    assert passed == {"annotation_folders": 1}


@pytest.mark.parametrize("parent", ["", "images/"])
def test_in_a_flat_folder_each_picture_is_a_person(tmp_path: Path, parent: str) -> None:
    found, passed = listed(
        tmp_path, *(f"{parent}{name}" for name in ("25_0_1.jpg", "26_1_0.jpg", "list.txt"))
    )
    assert found == {f"{parent}25_0_1.jpg": "25_0_1", f"{parent}26_1_0.jpg": "26_1_0"}
    assert passed == {"other_files": 1}


def test_a_link_into_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "Ann").mkdir()
    (tmp_path / "Bob").symlink_to(tmp_path / "Ann")
    found, passed = listed(tmp_path, "Ann/1.jpg")
    assert found == {"Ann/1.jpg": "Ann"}
    assert passed == {"links_to_what_is_listed": 1}


def test_no_folder_and_no_photo_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent: no such folder \(data\.photos_root\)"):
        inventory(tmp_path / "absent", True, PassedOver())
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=r"holds no photo.*1 passed over.*notes\.txt"):
        inventory(tmp_path, True, PassedOver())
