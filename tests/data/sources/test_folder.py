"""One's own people: a folder for each, whatever lies in it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from deepfacegen.config.schema import from_dict
from deepfacegen.data.sources import prepare, roots
from deepfacegen.errors import UserError


def listing(
    root: Path, paths: list[str], table: str | None = None, **data: object
) -> tuple[dict, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    for path in paths:
        (root / "own" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "own" / path).write_bytes(b"x")
    if table is not None:
        (root / "own/people.csv").write_text(table, encoding="utf-8")
    config = from_dict({"data": {"source": "folder", "root": str(root / "own")} | data})
    assert roots.voices_root(config, root) == roots.faces_root(config, root) == root / "own"
    metrics = prepare.prepare(config, root / "raw")
    return metrics, *(
        pd.read_parquet(root / f"raw/{name}.parquet")
        for name in ("voices/inventory", "faces/inventory", "meta/identities")
    )


MIXED = [
    "Ann/hello.wav",
    "Ann/talks/one.mp3",
    "Ann/me.jpg",
    "Ann/holiday/me.png",
    "Ann/film.mov",
    "Bob/a.m4a",
    "Bob/b.jpeg",
    "Cy/only.ogg",
    "Di/only.jpg",
]


def test_sound_films_and_pictures_in_any_order(tmp_path: Path) -> None:
    metrics, voices, faces, people = listing(
        tmp_path, [*MIXED, "Ann/notes.txt", "Ann/.DS_Store", "Empty/x.txt"], faces_from="both"
    )
    assert voices[["clip_id", "video_id", "path", "kind"]].to_numpy().tolist() == [
        ["Ann/film/film", "film", "Ann/film.mov", "video"],
        ["Ann/hello/hello", "hello", "Ann/hello.wav", "audio"],
        ["Ann/talks/one", "talks", "Ann/talks/one.mp3", "audio"],
        ["Bob/a/a", "a", "Bob/a.m4a", "audio"],
    ]
    assert faces[["photo_id", "path", "kind"]].to_numpy().tolist() == [
        ["Ann/film/film", "Ann/film.mov", "video"],
        ["Ann/holiday/me", "Ann/holiday/me.png", "photo"],
        ["Ann/me", "Ann/me.jpg", "photo"],
        ["Bob/b", "Bob/b.jpeg", "photo"],
    ]
    assert (
        people["identity_id"].tolist()
        == people["voice_id"].tolist()
        == people["face_id"].tolist()
        == ["Ann", "Bob"]
    )
    assert metrics["identities"] == {
        "listed": 2,
        "f": 0,
        "m": 0,
        "gender_unknown": 2,
        "voice_only": 1,
        "face_only": 1,
        "without_files": 1,
    }
    assert metrics["unlisted"]["unpaired_files"] == 2
    assert metrics["ignored"] == {"other_files": 2, "system_files": 1}


@pytest.mark.parametrize(
    ("faces_from", "kinds"), [("photos", ["photo"]), ("video", ["video"]), ("both", ["photo", "video"])]
)
def test_faces_come_from_where_one_wants(tmp_path: Path, faces_from: str, kinds: list[str]) -> None:
    _, _, faces, _ = listing(tmp_path, ["Ann/film.mp4", "Ann/me.jpg"], faces_from=faces_from)
    assert sorted(faces["kind"]) == kinds


def test_voices_and_faces_apart(tmp_path: Path) -> None:
    paths = [
        "voices/Ann/1.wav",
        "voices/Ann/cover.jpg",
        "faces/Ann/1.jpg",
        "faces/Ann/mute.mp4",
        "faces/Ann/song.mp3",
        "Bob/1.wav",
        "Bob/1.jpg",
    ]
    metrics, voices, faces, _ = listing(tmp_path, paths, faces_from="both")
    assert voices["path"].tolist() == ["voices/Ann/1.wav", "Bob/1.wav"]
    assert faces["path"].tolist() == ["faces/Ann/1.jpg", "faces/Ann/mute.mp4", "Bob/1.jpg"]
    assert metrics["ignored"] == {"photos_among_voices": 1, "sound_among_faces": 1}


def test_pictures_called_alike_are_all_kept(tmp_path: Path) -> None:
    _, _, faces, _ = listing(tmp_path, ["Ann/a.wav", "Ann/a.jpg", "Ann/a.png", "Ann/a#.jpg"])
    assert faces["photo_id"].tolist() == ["Ann/a", "Ann/a%23", "Ann/a+2"]


def test_people_in_order_though_a_name_is_the_beginning_of_another(tmp_path: Path) -> None:
    """`Ann-Lee/` sorts before `Ann/`, the names the other way round."""
    _, voices, faces, people = listing(
        tmp_path, [f"{name}/{file}" for name in ("Ann", "Ann-Lee", "Ann Z") for file in ("1.wav", "1.jpg")]
    )
    assert people["identity_id"].tolist() == ["Ann", "Ann Z", "Ann-Lee"]
    assert voices["clip_id"].is_monotonic_increasing
    assert faces["photo_id"].is_monotonic_increasing


def test_a_table_tells_about_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of several rows a gender that all agree on and the median age, as in other tables about people."""
    rows = (
        "Ann;female;41;Peru",
        "Bob;M;;",
        "Nobody;f;3;",
        "Ann;f;42;",
        "Bob;w;30;",
        ";f;;",
        "Eve;f;1;;x",
        "",
    )
    table = "\n".join(("\ufeffPerson;Gender;Age;Nationality", *rows))
    metrics, _, _, people = listing(tmp_path, [*MIXED, "Eve/1.wav", "Eve/1.jpg"], table)
    assert people["gender"].fillna("").tolist() == ["f", "", ""]
    assert people["age_years"].fillna(-1).tolist() == [41.5, 30, -1]
    assert people["nationality"].fillna("").tolist() == ["Peru", "", ""]
    counts = {
        "malformed_rows": 2,
        "repeated_rows": 2,
        "contradicting_genders": 1,
        "unclear_values": 0,
        "in_table_only": 1,
        "not_in_table": 3,
    }
    assert metrics["metadata"] == counts
    assert [
        record.getMessage().partition("people.csv")[2]
        for record in caplog.records
        if record.levelname == "WARNING"
    ] == [
        ", line 8: more fields than the first line has; a name with a separator in it needs quotation marks",
        ": rows contradict each other about the gender of 'Bob', which counts as unknown",
        ": 1 of 3 people in it have no folder of that name: 'Nobody'",
    ]


NAMES = ["Zoë Müller", "José Pérez", "Åsa", "Çelik", "Ōe"]


@pytest.mark.parametrize("of_folders", ["NFC", "NFD"])
@pytest.mark.parametrize("of_table", ["NFC", "NFD"])
def test_names_from_macos_are_those_of_the_table(tmp_path: Path, of_folders: str, of_table: str) -> None:
    folders = [unicodedata.normalize(of_folders, name) for name in NAMES]
    table = "person;gender;age\n" + "".join(
        f"{unicodedata.normalize(of_table, name)};f;{30 + k},5\n" for k, name in enumerate(NAMES)
    )
    files = [
        f"{folder}/{unicodedata.normalize(of_folders, 'Über')}.{suffix}"
        for folder in folders
        for suffix in ("wav", "jpg")
    ]
    metrics, voices, faces, people = listing(tmp_path, files, table)
    assert people.set_index("identity_id")["age_years"].to_dict() == {
        name: 30.5 + k for k, name in enumerate(NAMES)
    }
    assert people["gender"].tolist() == ["f"] * 5
    assert (metrics["metadata"]["in_table_only"], metrics["metadata"]["not_in_table"]) == (0, 0)
    # The ids are those that tables and lists can name, the paths those on the disk.
    assert set(voices["clip_id"]) == {f"{name}/Über/Über" for name in NAMES}
    assert set(faces["photo_id"]) == {f"{name}/Über" for name in NAMES}
    assert all((tmp_path / "own" / path).is_file() for path in [*voices["path"], *faces["path"]])


def test_one_name_in_two_spellings_is_one_person(tmp_path: Path) -> None:
    composed, apart = (f"{unicodedata.normalize(form, 'Zoë')}" for form in ("NFC", "NFD"))
    _, voices, faces, people = listing(tmp_path, [f"{composed}/1.wav", f"{apart}/1.jpg"])
    assert people["identity_id"].tolist() == ["Zoë"]
    assert (voices["voice_id"].tolist(), faces["face_id"].tolist()) == (["Zoë"], ["Zoë"])


def test_names_that_are_alike_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ("Ann", "Zoe", "ZOE", "Zo\u00eb", "Zo\u00eb ")
    _, _, _, people = listing(tmp_path, [f"{name}/1.{suffix}" for name in names for suffix in ("wav", "jpg")])
    assert people["identity_id"].tolist() == ["Ann", "ZOE", "Zoe", "Zo\u00eb"]
    assert "own: 'ZOE', 'Zoe', 'Zo\u00eb' count as different people" in caplog.text
    assert "Ann" not in caplog.text


@pytest.mark.parametrize(("text", "known"), [("Peru", ["Peru"]), ("N/A", []), ("unknown", []), ("-", [])])
def test_words_for_nothing_are_no_nationality(tmp_path: Path, text: str, known: list[str]) -> None:
    _, _, _, people = listing(tmp_path, ["Ann/1.wav", "Ann/1.jpg"], f"person,nationality\nAnn,{text}\n")
    assert people["nationality"].dropna().tolist() == known


@pytest.mark.parametrize(
    ("words", "genders"),
    [
        (["female", "MALE", "Woman", "man", "w", "F.", " m "], ["f", "m", "f", "m", "f", "f", "m"]),
        (["Frau", "männlich", "femme", "hombre", "n/a", "?", ""], ["f", "m", "f", "m", "", "", ""]),
        (["H", "M", "mujer"], ["", "", "f"]),  # hombre, and mujer or male
        (["0", "1", "divers"], ["", "", ""]),
    ],
)
def test_words_for_a_gender_that_mean_one_thing(
    tmp_path: Path, words: list[str], genders: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"P{k}" for k in range(len(words))]
    table = "Name,Sex\n" + "".join(f"{name},{word}\n" for name, word in zip(names, words, strict=True))
    metrics, _, _, people = listing(
        tmp_path, [f"{name}/1.{suffix}" for name in names for suffix in ("wav", "jpg")], table
    )
    assert people["gender"].fillna("").tolist() == genders
    unclear = sum(
        not found and word not in ("", "n/a", "?") for word, found in zip(words, genders, strict=True)
    )
    assert metrics["metadata"]["unclear_values"] == unclear
    assert ("is not understood and counts as unknown; write f or m" in caplog.text) == bool(unclear)


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("34,5", 34.5),
        ("34.5", 34.5),
        (" 34 ", 34),
        ("n/a", None),
        ("thirty", None),
        ("1974", None),
        ("-3", None),
    ],
)
def test_ages_with_a_point_or_a_comma(tmp_path: Path, text: str, years: float | None) -> None:
    _, _, _, people = listing(tmp_path, ["Ann/1.wav", "Ann/1.jpg"], f"Person;Age (years)\nAnn;{text}\n")
    assert people["age_years"].fillna(-1).tolist() == [-1 if years is None else years]


@pytest.mark.parametrize(
    ("paths", "table", "message"),
    [
        ([], None, "own: no such folder .data.root"),
        (["file.wav"], None, "own: holds nobody's folder .data.root"),
        (["Ann/notes.txt"], None, "own: the folders of 1 people hold no sound and no pictures"),
        (["Ann/1.wav", "Bob/1.jpg"], None, "nobody has both a voice.*1 have only a voice, 1 only a face"),
        (["Ann/1.wav", "Ann/1.jpg"], "who;sex\nAnn;f\n", r"people\.csv: no column person"),
        (["Ann/1.wav", "Ann/1.jpg"], "person,sex,Sex\nAnn,f,m\n", r"\.csv: has 2 columns sex; keep the one"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, paths: list[str], table: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        listing(tmp_path, paths, table)


def test_a_table_elsewhere_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.csv: no such file"):
        listing(tmp_path, ["Ann/1.wav", "Ann/1.jpg"], metadata=str(tmp_path / "gone.csv"))


def test_what_network_drives_and_systems_leave_is_nobody(tmp_path: Path) -> None:
    paths = [
        f"{name}/{file}"
        for name in ("Ann", "Bob")
        for file in ("talk.m4a", "photo.jpg", "@eaDir/photo.jpg/SYNOPHOTO_THUMB_XL.jpg", "Thumbs.db")
    ]
    paths += [
        "#recycle/old.jpg",
        "#recycle/old.m4a",
        "$RECYCLE.BIN/S-1/old.jpg",
        "System Volume Information/x.wav",
        "__MACOSX/Ann/._photo.jpg",
    ]
    metrics, voices, faces, people = listing(
        tmp_path, [*paths, "Ann/._talk.m4a", ".DS_Store", "Ann/.cache/x.jpg"]
    )
    assert people["identity_id"].tolist() == ["Ann", "Bob"]
    assert (len(voices), faces["path"].tolist()) == (2, ["Ann/photo.jpg", "Bob/photo.jpg"])
    assert metrics["ignored"] == {"hidden_folders": 1, "system_files": 4, "system_folders": 6}
    assert metrics["ignored_list"] == (tmp_path / "raw/meta/passed_over.csv").as_posix()
    listed = pd.read_csv(tmp_path / "raw/meta/passed_over.csv")
    assert listed["reason"].value_counts().to_dict() == metrics["ignored"]
    assert f"{tmp_path}/own/#recycle/" in set(listed["path"])
    assert metrics["ignored_examples"]["hidden_folders"] == [f"{tmp_path}/own/Ann/.cache/"]


def test_where_nothing_is_passed_over_there_is_no_list(tmp_path: Path) -> None:
    listing(tmp_path, ["Ann/1.wav", "Ann/1.jpg", "Ann/notes.txt"])
    assert (tmp_path / "raw/meta/passed_over.csv").exists()
    (tmp_path / "own/Ann/notes.txt").unlink()
    metrics, *_ = listing(tmp_path, [])
    assert (metrics["ignored"], "ignored_list" in metrics) == ({}, False)
    assert not (tmp_path / "raw/meta/passed_over.csv").exists()


def test_files_are_known_by_content_where_their_names_are_not_enough(tmp_path: Path) -> None:
    own = tmp_path / "own/Ann"
    own.mkdir(parents=True)
    for name, data in {
        "talk": b"RIFF\0\0\0\0WAVEfmt ",
        "talk.strange": b"fLaC\0",
        "film.MTS": (b"G" + bytes(187)) * 3,
        "me": b"\xff\xd8\xff\xe0",
        "me.photo": b"\x89PNG\r\n\x1a\n",
        "phone": b"\0\0\0\x18ftypheic",
        "letter": b"Dear all",
    }.items():
        (own / name).write_bytes(data)
    names = [
        "a.mpga",
        "b.weba",
        "c.m4b",
        "d.wave",
        "e.3ga",
        "f.jfif",
        "g.JPE",
        "h.pjpeg",
        "i.gif",
        "j.jp2",
        "k.avif",
        "l.HEIC",
        "m.dng",
        "n.mka",
        "o.pdf",
    ]
    metrics, voices, faces, _ = listing(tmp_path, [f"Ann/{name}" for name in names], faces_from="both")
    sounds, pictures = (
        ["a.mpga", "b.weba", "c.m4b", "d.wave", "e.3ga", "film.MTS", "n.mka", "talk", "talk.strange"],
        "fghijklm",
    )
    assert sorted(voices["path"]) == [f"Ann/{name}" for name in sounds]
    photos = sorted(faces.loc[faces["kind"] == "photo", "path"])
    assert photos == sorted(
        f"Ann/{name}" for name in (*(n for n in names if n[0] in pictures), "me", "me.photo", "phone")
    )
    assert faces.loc[faces["kind"] == "video", "path"].tolist() == ["Ann/film.MTS"]
    assert metrics["ignored"] == {"other_files": 2}
    assert (
        metrics["voices"]["files"] + metrics["faces"]["files"] - 1 + 2 == len(names) + 7
    )  # the film is listed twice


def test_linked_folders_are_read_and_loops_and_other_people_are_not(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for path in ("Ann/more/2.wav", "Cy/3.wav", "Cy/3.jpg"):
        (elsewhere / path).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / path).write_bytes(b"x")
    for name in ("Ann", "Bob"):
        (tmp_path / "own" / name).mkdir(parents=True)
    for link, target in {"Ann/more": "Ann/more", "Cy": "Cy"}.items():
        (tmp_path / "own" / link).symlink_to(elsewhere / target)
    for link, target in {"Ann/loop": "Ann", "Ann/all": "", "Ann/friend": "Bob", "Annie": "Ann"}.items():
        (tmp_path / "own" / link).symlink_to(tmp_path / "own" / target)
    (elsewhere / "Cy/up").symlink_to(elsewhere)
    (tmp_path / "own/Ann/self.jpg").symlink_to("self.jpg")
    (tmp_path / "own/Ann/gone.wav").symlink_to("nowhere")
    metrics, voices, faces, people = listing(tmp_path, ["Ann/1.wav", "Ann/1.jpg", "Bob/1.wav", "Bob/1.jpg"])
    assert people["identity_id"].tolist() == ["Ann", "Bob", "Cy"]
    assert voices["path"].tolist() == ["Ann/1.wav", "Ann/more/2.wav", "Bob/1.wav", "Cy/3.wav"]
    assert faces["path"].tolist() == ["Ann/1.jpg", "Bob/1.jpg", "Cy/3.jpg"]
    assert metrics["ignored"] == {"broken_links": 2, "links_to_what_is_listed": 5}


def test_files_that_are_not_looked_at_are_counted(tmp_path: Path) -> None:
    paths = ["Ann/1.wav", "Ann/film.mp4", "Ann/me.jpg", "faces/Ann/mute.mp4", "stray.jpg", "people.csv"]
    metrics, *_ = listing(tmp_path, paths[:-1], "person\nAnn\n", faces_from="video")
    assert metrics["ignored"] == {"not_in_faces_from": 1, "outside_people": 1}
    metrics, *_ = listing(tmp_path, [], faces_from="photos")
    assert metrics["ignored"] == {"not_in_faces_from": 1, "outside_people": 1}


def test_a_folder_with_nothing_to_read_says_what_was_passed_over(tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match=r"hold no sound and no pictures .*; 1 passed over "
        r"\(other files: 1, such as notes.txt\), see .*passed_over.csv",
    ):
        listing(tmp_path, ["Ann/notes.txt"])
