"""Names made from a user's: never longer than the file system takes, and no two alike."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepfacegen.data.files import file_names


@pytest.mark.parametrize(
    "stem", ["a" * 251, "a" * 252, "a" * 300, "ü" * 126, "\U0001f600" * 63, os.fsdecode(b"\xe9" * 254)]
)
@pytest.mark.parametrize("room", [0, 5])
def test_a_name_is_cut_only_where_it_must_be(stem: str, room: int) -> None:
    path = Path("faces", f"{stem}.png")
    cut = file_names.fitting(path, room=room)
    assert len(os.fsencode(cut.name)) <= 255 - room
    assert (cut == path) == (len(os.fsencode(path.name)) <= 255 - room)
    assert cut.suffix == ".png"
    assert cut.parent == path.parent


def test_long_names_that_begin_alike_stay_apart() -> None:
    names = {file_names.fitting(Path(f"{'a' * 260}{k}.png")).name for k in range(50)}
    assert len(names) == 50


def test_a_temporary_name_is_short_hidden_and_always_the_same(tmp_path: Path) -> None:
    long = tmp_path / f"{'n' * 251}.png"
    partial = file_names.partial(long)
    assert partial == file_names.partial(long) != file_names.partial(tmp_path / "m.png")
    assert partial.parent == tmp_path
    assert partial.name.startswith(".")
    assert len(partial.name) < 60
    assert file_names.partial(long, ".pt2").suffix == ".pt2"


def test_the_file_system_says_how_long_a_name_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encrypted folder takes 143 bytes."""
    monkeypatch.setattr(os, "pathconf", lambda folder, name: 143 if folder == tmp_path else 255)
    assert file_names.longest(tmp_path / "not/yet/there") == 143

    def unknown(folder: Path, name: str) -> int:
        raise OSError

    monkeypatch.setattr(os, "pathconf", unknown)
    assert file_names.longest(tmp_path) == 255
