"""Every published layout that is understood, whole or in parts; what is nobody's, unpaired or unusable is
counted."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from deepfacegen.config.schema import from_dict
from deepfacegen.data.sources import prepare
from deepfacegen.errors import UserError

VOX1 = (
    "VoxCeleb1 ID\tVGGFace1 "
    "ID\tGender\tNationality\tSet\nid10001\tA.J._Buckley\tm\tIreland\tdev\nid10002\tHarry_Connick_Jr.\tm\tUSA\tdev\n"
)
VOX2 = "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000140 ,f ,dev \nid00013 ,n000141 ,m ,test \n"
YT = "1zcIwhmdeo4"


def listing(
    root: Path, source: str, voices: list[str], faces: list[str], **data: object
) -> tuple[dict, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    for folder, paths in (("voices", voices), ("faces", faces)):
        for path in paths:
            (root / folder / path).parent.mkdir(parents=True, exist_ok=True)
            (root / folder / path).write_bytes(b"x")
    (root / "meta").mkdir(exist_ok=True)
    (root / "meta/vox1_meta.csv").write_text(VOX1)
    (root / "meta/vox2_meta.csv").write_text(VOX2)
    given = {
        "source": source,
        "voices_root": str(root / "voices"),
        "faces_root": str(root / "faces"),
        "metadata": str(root / "meta"),
    }
    metrics = prepare.prepare(from_dict({"data": given | data}), root / "raw")
    return metrics, *(
        pd.read_parquet(root / f"raw/{name}.parquet")
        for name in ("voices/inventory", "faces/inventory", "meta/identities")
    )


@pytest.mark.parametrize("parent", ["", "wav/", "dev/wav/", "vox1_dev_wav/wav/", "VoxCeleb1/test/wav/"])
def test_voices_of_voxceleb1(tmp_path: Path, parent: str) -> None:
    paths = [f"{parent}id10001/{YT}/00001.wav", f"{parent}id10001/-bcdefghijk/00002.wav"]
    _, voices, _, people = listing(
        tmp_path, "voxceleb1", [*paths, f"txt/id10001/{YT}/00001.txt"], ["A.J._Buckley/00000001.jpg"]
    )
    assert voices["clip_id"].tolist() == ["id10001/-bcdefghijk/00002", f"id10001/{YT}/00001"]
    assert voices["path"].tolist() == sorted(paths)
    assert people["identity_id"].tolist() == ["id10001"]


def test_voices_of_voxceleb1_as_it_first_was(tmp_path: Path) -> None:
    """By name instead of id, recordings and their numbers in one file name."""
    _, voices, _, _ = listing(
        tmp_path, "voxceleb1", [f"wav/A.J._Buckley/{YT}_0000001.wav"], ["A.J._Buckley/00000001.jpg"]
    )
    assert voices[["clip_id", "voice_id", "video_id"]].to_numpy().tolist() == [
        [f"id10001/{YT}/0000001", "id10001", YT]
    ]


@pytest.mark.parametrize("parent", ["dev/", "test/", "", "vox2/dev/", "a/b/dev/"])
def test_voices_of_voxceleb2_as_sound_and_as_film(tmp_path: Path, parent: str) -> None:
    paths = [
        f"{parent}aac/id00012/{YT}/00001.m4a",
        f"{parent}mp4/id00012/{YT}/00001.mp4",
        f"{parent}mp4/id00013/{YT}/00007.mp4",
    ]
    metrics, voices, faces, _ = listing(
        tmp_path, "voxceleb2", paths, ["train/n000140/0001_01.jpg"], faces_from="both"
    )
    assert voices["path"].tolist() == paths
    assert voices["kind"].tolist() == ["audio", "video", "video"]
    assert faces["photo_id"].tolist() == ["n000140/0001_01", f"n000140/{YT}/00001", f"n000141/{YT}/00007"]
    assert metrics["identities"]["listed"] == 2


@pytest.mark.parametrize(
    ("path", "photo_id"),
    [
        ("A.J._Buckley/00000123.jpg", "A.J._Buckley/00000123"),
        ("VGG_ALL_FRONTAL/A.J._Buckley/00000123.jpg", "A.J._Buckley/00000123"),
        ("vgg_face_dataset/files/A.J._Buckley/00000123.jpg", "A.J._Buckley/00000123"),
        (f"unzippedFaces/A.J._Buckley/1.6/{YT}/0003650.jpg", f"A.J._Buckley/1.6/{YT}/0003650"),
        ("vox1/origin_faces/AJ_Buckley/12.png", "AJ_Buckley/12"),
        ("vox1/masked_faces/A.J._Buckley/12.png", "A.J._Buckley/12"),
        ("id10001/frame.jpg", "id10001/frame"),
    ],
)
def test_faces_by_name(tmp_path: Path, path: str, photo_id: str) -> None:
    _, _, faces, people = listing(tmp_path, "voxceleb1", [f"wav/id10001/{YT}/00001.wav"], [path])
    assert faces[["photo_id", "face_id", "path"]].to_numpy().tolist() == [[photo_id, "A.J._Buckley", path]]
    assert people["face_id"].tolist() == ["A.J._Buckley"]


def test_hq_voxceleb_is_read_once(tmp_path: Path) -> None:
    """Each picture is there twice, with and without its background."""
    paths = [f"vox1/{kind}_faces/A.J._Buckley/1.jpg" for kind in ("origin", "masked")]
    metrics, _, faces, _ = listing(tmp_path, "voxceleb1", [f"wav/id10001/{YT}/00001.wav"], paths)
    assert faces["path"].tolist() == [paths[0]]
    assert metrics["ignored"] == {"masked_faces_folders": 1}


def test_names_lose_dots_at_their_end(tmp_path: Path) -> None:
    voices = [f"wav/id10002/{YT}/00001.wav"]
    _, _, faces, people = listing(
        tmp_path, "voxceleb1", voices, ["Harry_Connick_Jr./1.jpg", "vox1/Harry_Connick_Jr/1.jpg"]
    )
    assert people["face_id"].tolist() == ["Harry_Connick_Jr"]
    # Two folders of one person hold two pictures of one name.
    assert faces["photo_id"].tolist() == ["Harry_Connick_Jr/1", "Harry_Connick_Jr/vox1/1"]


def test_somebody_in_both_voxcelebs_has_all_voices_and_faces_under_one_id(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/class_overlap_vgg1_2.txt").write_text("VGGFace2 VGGFace1\nn000140 A.J._Buckley\n")
    voices = [
        f"vox1/wav/id10001/{YT}/00001.wav",
        f"vox2/dev/aac/id00012/{YT}/00001.m4a",
        f"vox2/dev/aac/id00013/{YT}/00001.m4a",
    ]
    faces = [
        "vggface/A.J._Buckley/1.jpg",
        "vggface2/train/n000140/0001_01.jpg",
        "vggface2/test/n000141/0001_01.jpg",
    ]
    metrics, voices_table, faces_table, people = listing(tmp_path, "voxceleb", voices, faces)
    assert people[["identity_id", "voice_id", "face_id"]].to_numpy().tolist() == [
        ["id00013", "id00013", "n000141"],
        ["id10001", "id10001", "A.J._Buckley"],
    ]
    assert voices_table[["clip_id", "voice_id"]].to_numpy().tolist() == [
        [f"id00012/{YT}/00001", "id10001"],
        [f"id00013/{YT}/00001", "id00013"],
        [f"id10001/{YT}/00001", "id10001"],
    ]
    assert faces_table[["photo_id", "face_id"]].to_numpy().tolist() == [
        ["A.J._Buckley/1", "A.J._Buckley"],
        ["n000140/0001_01", "A.J._Buckley"],
        ["n000141/0001_01", "n000141"],
    ]
    assert metrics["metadata"]["merged_people"] == 1
    assert metrics["unlisted"] == {"voice_files": 0, "face_files": 0, "unpaired_files": 0}


def test_what_is_nobodys_or_unusable_is_counted(tmp_path: Path) -> None:
    voices = [
        *(f"wav/id10001/{YT}/{name}" for name in ("00001.wav", "00002.WAV", "notes.txt", ".hidden.wav")),
        f"wav/id10002/{YT}/1.wav",
        f"wav/id10777/{YT}/1.wav",
        "wav/id10777/loose.mp3",
    ]
    faces = [
        "A.J._Buckley/1.jpg",
        "A.J._Buckley/readme.md",
        "Somebody_Else/1.jpg",
        "Somebody_Else/deep/2.jpg",
        "n000999/1.jpg",
    ]
    metrics, voices_table, faces_table, _ = listing(tmp_path, "voxceleb1", voices, faces)
    assert (len(voices_table), len(faces_table)) == (2, 1)
    assert metrics["identities"] == {
        "listed": 1,
        "f": 0,
        "m": 1,
        "gender_unknown": 0,
        "voice_only": 1,
        "face_only": 0,
        "without_files": 0,
    }
    assert metrics["unlisted"] == {"voice_files": 2, "face_files": 3, "unpaired_files": 1}
    assert metrics["ignored"] == {"hidden_files": 1, "other_files": 2}


def test_names_that_tables_cannot_hold_are_counted(tmp_path: Path) -> None:
    (tmp_path / f"voices/wav/id10001/{YT}").mkdir(parents=True)
    try:
        (
            Path(os.fsdecode(os.fsencode(tmp_path) + f"/voices/wav/id10001/{YT}/".encode() + b"\xff.wav"))
        ).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has no such names")
    metrics, voices, faces, _ = listing(
        tmp_path, "voxceleb1", [f"wav/id10001/{YT}/1.wav"], ["A.J._Buckley/a#1.jpg", "A.J._Buckley/a#2.jpg"]
    )
    assert len(voices) == 1
    assert metrics["ignored"] == {"names_not_utf8": 1}
    # `#` stands before the number of a frame, so no name may hold one.
    assert faces["photo_id"].tolist() == ["A.J._Buckley/a%231", "A.J._Buckley/a%232"]


def test_links_between_data_sets_are_followed_and_loops_end(tmp_path: Path) -> None:
    """Data sets beside each other may be links; one that leads back is passed over, and so is somebody who is
    there twice."""
    (tmp_path / "disk/aac/id00012" / YT).mkdir(parents=True)
    (tmp_path / "disk/aac/id00012" / YT / "1.m4a").write_bytes(b"x")
    (tmp_path / "disk/back").symlink_to(tmp_path / "disk")
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices/vox2").symlink_to(tmp_path / "disk")
    (tmp_path / "voices/loop").symlink_to(tmp_path / "voices")
    (tmp_path / "faces/train").mkdir(parents=True)
    (tmp_path / "faces/test").symlink_to(tmp_path / "faces/train")
    photos = ["train/n000140/1.jpg", "train/n000140/Thumbs.db", "readme.txt", "train/n000140/3"]
    metrics, voices, faces, _ = listing(tmp_path, "voxceleb2", [], photos)
    assert voices["path"].tolist() == [f"vox2/aac/id00012/{YT}/1.m4a"]
    assert faces["path"].tolist() == ["train/n000140/1.jpg"]
    assert metrics["ignored"] == {
        "links_to_what_is_listed": 3,
        "other_files": 1,
        "outside_people": 1,
        "system_files": 1,
    }


def test_sizes_can_be_left_out(tmp_path: Path) -> None:
    voices, faces = [f"wav/id10001/{YT}/1.wav"], ["A.J._Buckley/1.jpg"]
    assert listing(tmp_path, "voxceleb1", voices, faces)[1]["size_bytes"].tolist() == [1]
    metrics, voices_table, faces_table, _ = listing(tmp_path, "voxceleb1", voices, faces, file_sizes=False)
    assert voices_table["size_bytes"].tolist() == faces_table["size_bytes"].tolist() == [0]
    assert metrics["voices"] == {"files": 1, "bytes": 0, "audio": 1}


def test_a_root_that_is_something_else_is_refused_before_the_disk_is_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepfacegen.data.sources.scan.MOST_FOLDERS", 10)
    with pytest.raises(UserError, match=r"voices: more than 10 folders that are nobody's; data.voices_root"):
        listing(tmp_path, "voxceleb1", [f"music/{k}/a.mp3" for k in range(20)], ["A.J._Buckley/1.jpg"])


def test_annotations_become_columns_of_the_inventory(tmp_path: Path) -> None:
    (tmp_path / "bb").mkdir()
    (tmp_path / "bb/loose_bb_train.csv").write_text('NAME_ID,X,Y,W,H\n"n000140/0001_01",10,20,30,40\n')
    voices = [f"dev/aac/id00012/{YT}/00001.m4a"]
    photos = ["train/n000140/0001_01.jpg", "train/n000140/0002_01.jpg"]
    metrics, _, faces, _ = listing(tmp_path, "voxceleb2", voices, photos, face_hints=str(tmp_path / "bb"))
    assert faces["hint_height_px"].tolist()[0] == 40
    assert faces["hint_height_px"].isna().tolist() == [False, True]
    assert metrics["hints"] == {"photos": 1, "files": 1, "malformed_rows": 0, "unknown_photos": 0}


def test_names_that_are_nearly_the_same_are_written_down(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/identity_meta.csv").write_text(
        'Class_ID, Name, Sample_Num, Flag, Gender\nn000140, "A.J._Buckly", 1, 1, '
        'm\nn000141, "AJ_Buckleyy", 1, 1, m\n'
    )
    voices = [f"wav/id10001/{YT}/1.wav", f"dev/aac/id00013/{YT}/1.m4a"]
    metrics, *_ = listing(tmp_path, "voxceleb", voices, ["n000141/1.jpg", "A.J._Buckley/1.jpg"])
    similar = pd.read_csv(tmp_path / "raw/meta/similar_names.csv")
    # Of the two in VGGFace2, one is a woman according to vox2_meta.csv.
    assert similar.to_numpy().tolist() == [["id10001", "A.J._Buckley", "id00013", "AJ_Buckleyy"]]
    assert metrics["metadata"]["similar_names"] == 1
