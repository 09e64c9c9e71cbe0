"""Folders as people have them: links and loops, names of every kind, and what systems leave behind."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from deepfacegen.data.files import tree
from deepfacegen.data.files.tree import PassedOver, Tree


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def found(root: Path, **options: object) -> tuple[list[str], dict[str, str]]:
    """Files, and what is passed over with its reason, relative to the root."""
    passed = PassedOver()
    files = [inside + entry.name for inside, entry in Tree(root, passed, **options).files()]  # type: ignore[arg-type]
    assert len(files) == len(set(files))
    return sorted(files), {
        os.path.relpath(path, root) + "/" * path.endswith("/"): reason for path, reason in passed.rows()
    }


SYSTEM = [
    *(
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "#recycle/old.jpg",
        "$RECYCLE.BIN/S-1/x.jpg",
        "System Volume Information/a",
        "lost+found/b.wav",
    ),
    *("__MACOSX/._a.jpg", "Network Trash Folder/x", "@Recycle/z.jpg"),
]
LEFT = [
    "Thumbs.db",
    "desktop.ini",
    ".DS_Store",
    "._talk.wav",
    "~$letter.docx",
    "talk.wav:Zone.Identifier",
    "Icon\r",
]


def test_what_systems_leave_is_passed_over_and_counted(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "talk.wav",
        "deep/er/me.jpg",
        *SYSTEM,
        *LEFT,
        *(f"deep/{name}" for name in LEFT),
        "deep/@eaDir/x",
    )
    files, passed = found(tmp_path)
    assert files == ["deep/er/me.jpg", "talk.wav"]
    folders = {f"{path.split('/')[0]}/": "system_folders" for path in SYSTEM} | {
        "deep/@eaDir/": "system_folders"
    }
    assert passed == folders | {f"{at}{name}": "system_files" for name in LEFT for at in ("", "deep/")}


def test_names_that_only_look_like_them_are_kept(tmp_path: Path) -> None:
    names = [
        "@home.jpg",
        "#1.wav",
        "$5.jpg",
        "thumbs.jpg",
        "me@sea.jpg",
        "10:30.wav",
        "recycler.wav",
        "-dash.wav",
        "[0-9].wav",
        "%03d.wav",
        " a.wav",
    ]
    touch(tmp_path, *names)
    assert found(tmp_path) == (sorted(names), {})


def test_hidden_files_and_folders_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", ".b.wav", ".thumbnails/c.jpg", ".Trash-1000/files/d.jpg")
    assert found(tmp_path) == (
        ["a.wav"],
        {".b.wav": "hidden_files", ".thumbnails/": "hidden_folders", ".Trash-1000/": "hidden_folders"},
    )


def test_linked_folders_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    touch(root, "a.wav", "in/b.wav")
    touch(elsewhere, "c.wav", "deep/d.wav")
    links = {
        "link": elsewhere,
        "link2": elsewhere,
        "deeper": elsewhere / "deep",
        "loop": root,
        "in/loop": root / "in",
        "up": tmp_path,
        "side": root / "in",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    (elsewhere / "back").symlink_to(root)
    (elsewhere / "again").symlink_to(elsewhere)
    (root / "self").symlink_to("self")
    (root / "gone.wav").symlink_to("nowhere.wav")
    files, passed = found(root)
    assert files == ["a.wav", "deeper/d.wav", "gone.wav", "in/b.wav", "link/c.wav", "self"]
    assert set(passed.values()) == {"links_to_what_is_listed"}
    assert set(passed) == {
        "link2/",
        "link/deep/",
        "loop/",
        "in/loop/",
        "up/",
        "side/",
        "link/back/",
        "link/again/",
    }


def test_a_folder_that_is_a_link_leads_to_nobody_beside_it(tmp_path: Path) -> None:
    """Somebody's folder lies elsewhere, beside others that are not in this tree."""
    touch(tmp_path, "elsewhere/Ann/a.wav", "elsewhere/Bob/b.wav")
    (tmp_path / "elsewhere/Ann/up").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/Ann").symlink_to(tmp_path / "elsewhere/Ann")
    passed = PassedOver()
    assert [inside + entry.name for inside, entry in Tree(tmp_path / "root", passed).files("Ann")] == [
        "a.wav"
    ]
    assert passed.counts == {"links_to_what_is_listed": 1}


def test_links_into_a_hidden_store_are_followed(tmp_path: Path) -> None:
    """As tools for large data lay it out: the files in a hidden folder, links to it where people look."""
    touch(tmp_path, ".store/x1/a.wav")
    (tmp_path / "Ann").symlink_to(".store/x1")
    assert found(tmp_path) == (["Ann/a.wav"], {".store/": "hidden_folders"})


def test_a_root_that_is_a_link_is_no_loop(tmp_path: Path) -> None:
    touch(tmp_path / "real", "Ann/a.wav")
    (tmp_path / "real/Ann/all").symlink_to(tmp_path / "real")
    (tmp_path / "root").symlink_to("real")
    assert found(tmp_path / "root") == (["Ann/a.wav"], {"Ann/all/": "links_to_what_is_listed"})


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    try:
        touch(tmp_path, name, "café.wav", "ё/é.wav")
    except OSError:
        pytest.skip("this file system has no such names")
    assert found(tmp_path) == (["café.wav", "ё/é.wav"], {"caf\\xe9.wav": "names_not_utf8"})
    assert found(tmp_path, any_name=True) == (sorted(["café.wav", name, "ё/é.wav"]), {})


def test_the_list_is_a_table_that_any_program_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = PassedOver()
    assert passed.write(tmp_path / "meta/list.csv") is None
    assert passed.line() == ""
    monkeypatch.setattr(tree, "MOST_LISTED", 3)
    for k in range(5):
        passed.add(f"/x/{k}.txt", "other_files")
    passed.add("/x/0.txt", "other_files")
    passed.add(os.fsdecode(b"/x/caf\xe9/"), "names_not_utf8")
    assert passed.counts == {"other_files": 5, "names_not_utf8": 1}
    assert (
        passed.line() == "6 passed over (names not utf8: 1, such as caf\\xe9; other files: 5, such as 0.txt)"
    )
    assert passed.examples() == {
        "names_not_utf8": ["/x/caf\\xe9/"],
        "other_files": ["/x/0.txt", "/x/1.txt", "/x/2.txt"],
    }
    listed = passed.write(tmp_path / "meta/list.csv")
    assert listed is not None
    with listed.open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream))[:2] == [["path", "reason"], ["/x/caf\\xe9/", "names_not_utf8"]]


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    passed = PassedOver()
    assert list(Tree(tmp_path / "gone", passed).files()) == []
    assert passed.counts == {"unreadable_folders": 1}
