"""What lies in the user's folders, as one digest: any change is noticed, and a missing folder is no
change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from deepfacegen.config.schema import Config, from_dict
from deepfacegen.data.sources import watching
from deepfacegen.errors import UserError


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for name in ("Ann/hello.wav", "Ann/holiday/beach.png", "Bob/interview.mp4", "people.csv"):
        path = tmp_path / "people" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        os.utime(path, (1_000_000, 1_000_000))
    return tmp_path / "people"


def digest(people: Path, sizes: bool = True) -> str:
    return watching.digest(people, sizes)["digest"]


def rename(people: Path) -> None:
    (people / "Bob").rename(people / "Rob")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a person comes": lambda people: (people / "Cyd").mkdir(),
    "a person goes": lambda people: shutil.rmtree(people / "Bob"),
    "a person is renamed": rename,
    "a file comes": lambda people: (people / "Bob/new.jpg").touch(),
    "a file moves": lambda people: (people / "Ann/hello.wav").rename(people / "Bob/hello.wav"),
}
INSIDE: dict[str, Callable[[Path], object]] = {
    "a file grows": lambda people: (people / "Ann/hello.wav").write_bytes(b"123456"),
    "a file of the same size takes its place": lambda people: os.utime(
        people / "Ann/hello.wav", (1_000_001, 1_000_001)
    ),
}


@pytest.mark.parametrize("what", [*CHANGES, *INSIDE])
def test_a_change_is_noticed(people: Path, what: str) -> None:
    before, names = digest(people), digest(people, sizes=False)
    assert (digest(people), digest(people, sizes=False)) == (before, names)
    (CHANGES | INSIDE)[what](people)
    assert digest(people) != before
    assert (digest(people, sizes=False) != names) == (what in CHANGES)


def test_the_same_files_elsewhere_are_the_same(people: Path) -> None:
    before = watching.digest(people, True)
    assert {key: before[key] for key in ("files", "folders")} == {"files": 4, "folders": 3}
    assert watching.digest(people.rename(people.with_name("moved")), True) == before


def test_hidden_files_are_passed_over(people: Path) -> None:
    before = digest(people)
    (people / ".DS_Store").touch()
    (people / "Ann/._hello.wav").touch()
    assert digest(people) == before


def test_links_are_followed_and_loops_end(people: Path) -> None:
    (people / "Ann/again").symlink_to(people)
    (people / "Bob/nowhere").symlink_to(people / "missing")
    (people / "Cyd").symlink_to(people / "Bob")
    before = digest(people)
    (people / "Bob/new.jpg").touch()
    assert digest(people) != before


def test_a_name_that_is_not_utf8(people: Path) -> None:
    before = digest(people)
    (people / os.fsdecode(b"Ann/\xff\n.wav")).touch()
    assert digest(people) != before


def config(people: Path, **data: object) -> Config:
    return from_dict({"data": {"source": "folder", "root": str(people), **data}})


def test_which_keys_are_read(people: Path) -> None:
    assert watching.look(config(people), "root")["files"] == 4
    assert watching.look(config(people), "voices_root") == {"key": "voices_root"}
    assert watching.look(config(people), "metadata") == {"key": "metadata"}
    table = config(people, metadata=str(people / "people.csv"))
    assert watching.look(table, "metadata")["files"] == 1
    assert watching.look(from_dict({"data": {"root": str(people)}}), "root") == {
        "key": "root"
    }  # the sample people
    voxceleb = from_dict(
        {"data": {"source": "voxceleb2", "voices_root": str(people), "faces_root": "x", "metadata": "y"}}
    )
    assert watching.look(voxceleb, "voices_root")["folder"] == str(people)
    assert watching.look(voxceleb, "root") == {"key": "root"}
    for source in ({"source": "sample"}, {"source": "folder", "root": "x"}):
        photos = from_dict({"data": {**source, "photos_root": str(people)}})
        assert watching.look(photos, "photos_root")["files"] == 4
        assert watching.look(from_dict({"data": source}), "photos_root") == {"key": "photos_root"}


def test_a_folder_that_is_not_there_is_no_empty_one(people: Path) -> None:
    """A drive that is not mounted must not look as if everybody were gone."""
    with pytest.raises(UserError, match=r"missing: no such folder \(data\.root\)"):
        watching.look(config(people.parent / "missing"), "root")


def test_what_is_no_longer_watched_is_forgotten(tmp_path: Path) -> None:
    for name in ("root.json", "voices_root.json", ".gitignore"):
        (tmp_path / name).touch()
    watching.forget(["root"], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"root.json", ".gitignore"}


def test_times_of_an_inventory(people: Path) -> None:
    table = pd.DataFrame({"kind": ["audio", "video"], "path": ["Ann/hello.wav", "Bob/interview.mp4"]})
    folders = {"audio": people, "video": people}
    before = watching.times(table, folders)
    (people / "Ann/holiday/beach.png").touch()  # not of this inventory
    assert watching.times(table, folders) == before
    (people / "Bob/interview.mp4").touch()
    assert watching.times(table, folders) != before
    (people / "Bob/interview.mp4").unlink()
    assert watching.times(table, folders) != before
