"""Inventories of folders laid out like VoxCeleb2 and VGGFace2, and metadata with all their quirks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from deepfacegen.config.schema import Config, DataConfig, from_dict
from deepfacegen.data.sources import metadata, prepare, roots
from deepfacegen.errors import UserError

HEADER = "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n"


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" * len(path))


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Four people: 1 and 2 with both, 3 with a voice only, 4 with a face only; and others that metadata do
    not name."""
    touch(
        tmp_path / "vox",
        "dev/aac/id00001/vidA/00002.m4a",
        "dev/aac/id00001/vidA/00001.m4a",
        "dev/mp4/id00001/vidA/00001.mp4",
        "test/aac/id00002/vidB/00001.m4a",
        "aac/id00003/vidC/00001.wav",
        "dev/aac/id99999/vidZ/00001.m4a",
        "dev/aac/id00001/vidA/notes.txt",
        "dev/aac/id00001/vidA/._00001.m4a",
        "dev/aac/id00001/.DS_Store",
    )
    touch(
        tmp_path / "vgg",
        "train/n000011/0001_01.jpg",
        "train/n000011/0002_01.PNG",
        "test/n000012/0001_01.jpg",
        "n000014/0001_01.jpg",
        "train/n077777/0001_01.jpg",
        "train/n077777/0002_01.jpg",
        "train/n000011/readme.md",
    )
    (tmp_path / "meta.csv").write_text(
        HEADER + "id00001 ,n000011 ,f ,dev \nid00002 ,n000012 ,m ,test \nid00003 ,n000013 ,m ,dev "
        "\nid00004 ,n000014 ,f ,dev \nid00005 ,n000015 ,f ,dev \n"
    )
    return tmp_path


def config(world: Path, **data: object) -> Config:
    given = {
        "source": "voxceleb2",
        "voices_root": str(world / "vox"),
        "faces_root": str(world / "vgg"),
        "metadata": str(world / "meta.csv"),
    }
    return from_dict({"data": given | data})


def tables(raw: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return tuple(
        pd.read_parquet(raw / f"{name}.parquet")
        for name in ("voices/inventory", "faces/inventory", "meta/identities")
    )


def test_inventories_follow_the_contract(world: Path) -> None:
    metrics = prepare.prepare(config(world), world / "raw")
    voices, faces, identities = tables(world / "raw")
    assert voices.drop(columns="size_bytes").to_numpy().tolist() == [
        ["id00001/vidA/00001", "id00001", "vidA", "dev/aac/id00001/vidA/00001.m4a", "audio"],
        ["id00001/vidA/00001", "id00001", "vidA", "dev/mp4/id00001/vidA/00001.mp4", "video"],
        ["id00001/vidA/00002", "id00001", "vidA", "dev/aac/id00001/vidA/00002.m4a", "audio"],
        ["id00002/vidB/00001", "id00002", "vidB", "test/aac/id00002/vidB/00001.m4a", "audio"],
    ]
    assert (voices["size_bytes"] == voices["path"].str.len()).all()
    assert faces.drop(columns="size_bytes").to_numpy().tolist() == [
        ["n000011/0001_01", "n000011", "train/n000011/0001_01.jpg", "photo"],
        ["n000011/0002_01", "n000011", "train/n000011/0002_01.PNG", "photo"],
        ["n000012/0001_01", "n000012", "test/n000012/0001_01.jpg", "photo"],
    ]
    assert identities[["identity_id", "voice_id", "face_id", "gender"]].to_numpy().tolist() == [
        ["id00001", "id00001", "n000011", "f"],
        ["id00002", "id00002", "n000012", "m"],
    ]
    assert identities[["age_years", "nationality"]].isna().all(axis=None)
    assert metrics["identities"] == {
        "listed": 2,
        "f": 1,
        "m": 1,
        "gender_unknown": 0,
        "voice_only": 1,
        "face_only": 1,
        "without_files": 1,
    }
    assert metrics["unlisted"] == {"voice_files": 1, "face_files": 2, "unpaired_files": 2}
    assert metrics["voices"]["files"] == 4


def test_the_same_folders_give_the_same_bytes(world: Path) -> None:
    for raw in ("a", "b"):
        prepare.prepare(config(world), world / raw)
    for path in (world / "a").rglob("*.parquet"):
        assert path.read_bytes() == (world / "b" / path.relative_to(world / "a")).read_bytes()


def test_faces_from_video_need_no_photos(world: Path) -> None:
    prepare.prepare(config(world, faces_from="video", faces_root=None), world / "raw")
    _, faces, identities = tables(world / "raw")
    assert faces.drop(columns="size_bytes").to_numpy().tolist() == [
        ["n000011/vidA/00001", "n000011", "dev/mp4/id00001/vidA/00001.mp4", "video"]
    ]
    assert identities["identity_id"].tolist() == ["id00001"]


def test_faces_from_both(world: Path) -> None:
    prepare.prepare(config(world, faces_from="both"), world / "raw")
    _, faces, _ = tables(world / "raw")
    assert sorted(faces["kind"]) == ["photo", "photo", "photo", "video"]


def test_frames_in_folders_by_video_are_photos_too(world: Path) -> None:
    """The published face frames of VoxCeleb1 lie so: `<name>/1.6/<video>/<frame>.jpg`."""
    touch(world / "vgg", "train/n000012/1.6/vidB/0000025.jpg", "train/n000012/1.6/.hidden/0000001.jpg")
    prepare.prepare(config(world), world / "raw")
    faces = pd.read_parquet(world / "raw/faces/inventory.parquet")
    assert faces.loc[faces["face_id"] == "n000012", ["photo_id", "path"]].to_numpy().tolist() == [
        ["n000012/0001_01", "test/n000012/0001_01.jpg"],
        ["n000012/1.6/vidB/0000025", "train/n000012/1.6/vidB/0000025.jpg"],
    ]


def test_limit_takes_the_first_who_have_both(world: Path) -> None:
    prepare.prepare(config(world, limit_identities=1), world / "raw")
    voices, faces, identities = tables(world / "raw")
    assert identities["identity_id"].tolist() == ["id00001"]
    assert set(voices["voice_id"]) == {"id00001"}
    assert set(faces["face_id"]) == {"n000011"}


@pytest.mark.parametrize("which", ["voices_root", "faces_root"])
def test_a_missing_folder_is_named(world: Path, which: str) -> None:
    with pytest.raises(UserError, match=f"nowhere: no such folder .data.{which}"):
        prepare.prepare(config(world, **{which: str(world / "nowhere")}), world / "raw")


@pytest.mark.parametrize("which", ["voices_root", "faces_root"])
def test_an_empty_folder_is_named(world: Path, which: str) -> None:
    (world / "void").mkdir()
    with pytest.raises(UserError, match=f"void: holds nobody's files .data.{which}"):
        prepare.prepare(config(world, **{which: str(world / "void")}), world / "raw")


def test_metadata_about_other_people(world: Path) -> None:
    (world / "meta.csv").write_text(HEADER + "id55555 ,n055555 ,m ,dev \n")
    with pytest.raises(UserError, match=r"meta\.csv: names nobody whose files.*id00001"):
        prepare.prepare(config(world), world / "raw")


def test_nobody_with_both(world: Path) -> None:
    (world / "meta.csv").write_text(HEADER + "id00003 ,n000013 ,m ,dev \nid00004 ,n000014 ,f ,dev \n")
    with pytest.raises(UserError, match=r"nobody has both .*1 have only a voice, 1 only a face"):
        prepare.prepare(config(world), world / "raw")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no such file"),
        (b"", "not a table"),
        (bytes(range(256)) * 9, "not a text file"),
        (b"PK\x03\x04\0\0\0\0", "not a table"),
        (b"VoxCeleb2 ID,Gender\nid1,f\n", "no column VGGFace2 ID"),
        (b"id00001 ,n000011 ,f ,dev\n", "no column VoxCeleb2 ID or VGGFace2 ID or Gender"),
        (HEADER.encode(), "names nobody"),
        (b"\n\n\n", "no column"),
    ],
)
def test_metadata_that_cannot_be_used_are_named(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / "meta.csv").write_bytes(data)
    with pytest.raises(UserError, match=rf"meta\.csv: {message}"):
        metadata.read_people(tmp_path / "meta.csv")


def test_metadata_quirks_of_voxceleb2(tmp_path: Path) -> None:
    rows = [
        "id3 ,n3 ,F ,dev ",
        "id1 ,n10 ,m ,dev ",
        "id2 , n2 , ,dev",
        "id4,n4,unknown,dev",
        "id5 ,n5 ,other ,dev",
        "",
        "id6",
        "id1 ,n7 ,f ,dev",
        "id8 ,n2 ,f ,dev",
    ]
    (tmp_path / "meta.csv").write_bytes("\ufeff".encode() + (HEADER + "\r\n".join(rows)).encode())
    people = metadata.read_people(tmp_path / "meta.csv")
    assert [(p.identity_id, p.face_id, p.gender) for p in people.identities] == [
        ("id1", "n10", "m"),
        ("id2", "n2", None),
        ("id3", "n3", "f"),
        ("id4", "n4", None),
        ("id5", "n5", None),
    ]
    assert (people.malformed_rows, people.shared_faces) == (2, 1)


def test_metadata_of_voxceleb1_are_tab_separated_with_a_nationality(tmp_path: Path) -> None:
    text = (
        "VoxCeleb1 ID\tVGGFace1 "
        "ID\tGender\tNationality\tSet\nid10001\tA.J._Buckley\tm\tIreland\tdev\nid10002\tSammy_Jr.\tm\t\tdev\n"
    )
    (tmp_path / "meta.csv").write_text(text)
    first, second = metadata.read_people(tmp_path / "meta.csv").identities
    assert (first.face_id, first.nationality, first.gender) == ("A.J._Buckley", "Ireland", "m")
    assert (second.face_id, second.nationality) == ("Sammy_Jr", None)


@pytest.mark.parametrize(
    "header", ["VoxCeleb2 ID,VGGFace2 ID,Gender,Age", "VoxCeleb1 ID,VGGFace1 ID,Gender,age_years"]
)
def test_an_age_column_is_read_and_nonsense_in_it_is_not(tmp_path: Path, header: str) -> None:
    (tmp_path / "meta.csv").write_text(header + "\nid1,n1,m,41.5\nid2,n2,m,\nid3,n3,m,-3\nid4,n4,m,nan\n")
    assert [p.age_years for p in metadata.read_people(tmp_path / "meta.csv").identities] == [
        41.5,
        None,
        None,
        None,
    ]


def test_roots_of_sample_people_lie_below_raw() -> None:
    sample = Config(data=DataConfig())
    assert roots.voices_root(sample, Path("r")) == Path("r/voices")
    assert roots.faces_root(sample, Path("r")) == Path("r/faces")


def test_real_people_are_all_found(tmp_path: Path) -> None:
    real = Path(__file__).resolve().parents[4] / "shared" / "real"
    if not real.is_dir():
        pytest.skip("no real people beside the repository")
    data = {
        "source": "voxceleb2",
        "voices_root": str(real / "vox2"),
        "faces_root": str(real / "vggface2"),
        "metadata": str(real / "vox2_meta.csv"),
    }
    metrics = prepare.prepare(from_dict({"data": data}), tmp_path)
    assert (metrics["voices"]["files"], metrics["faces"]["files"]) == (929, 929)
    assert (
        metrics["identities"] | {"f": 32, "m": 33, "gender_unknown": 741, "listed": 806}
        == metrics["identities"]
    )
