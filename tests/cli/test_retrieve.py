"""Retrieval by the command: the order, what is left out and why, and one line for whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from deepfacegen.api import ranking
from deepfacegen.cli import main, models, retrieve
from tests.shared.pictures import Brightness, light, portrait, write_photo
from tests.shared.sounds import RATE_HZ, write_wav


def run(*words: str | Path, system: Brightness | None = None) -> int:
    arguments = main.parser().parse_args([str(word) for word in ("retrieve", *words)])
    with mock.patch.object(models, "matcher", return_value=system or Brightness()):
        return retrieve.run(arguments)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One face at three strengths of light, two faces, none, and a file that is no picture."""
    root = tmp_path_factory.mktemp("faces")
    face = portrait(0)
    for name, factor in (("dark", 0.5), ("middle", 0.75), ("bright", 1.0)):
        write_photo(root / "deep" / f"{name}.png", light(face, factor))
    write_photo(root / "two.jpg", np.hstack([face, portrait(1)]))
    write_photo(root / "nobody.jpg", np.full((200, 200, 3), 128, dtype=np.uint8))
    (root / "broken.png").write_text("no picture")
    (root / "notes.txt").write_text("not looked at")
    return root


@pytest.fixture
def quiet(tmp_path: Path, said: np.ndarray) -> Path:
    return write_wav(tmp_path / "quiet.wav", (said * (0.05 * 32768 / np.abs(said).max())).astype(np.int16))


def test_photos_are_ranked_for_a_voice(
    gallery: Path, quiet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--voice", quiet, "--faces", gallery, "--json") == 0
    out, errors = capsys.readouterr()
    result = json.loads(out)
    assert result["voice"] == str(quiet)
    assert result["system"] == "pins"
    assert [Path(one["file"]).stem for one in result["ranked"]] == ["dark", "middle", "bright"]
    assert [one["rank"] for one in result["ranked"]] == [1, 2, 3]
    assert result["ranked"][0]["score"] > result["ranked"][1]["score"]
    reasons = {Path(one["file"]).name: one["reason"] for one in result["left_out"]}
    assert reasons.keys() == {"two.jpg", "nobody.jpg", "broken.png"}
    assert "more than one face" in reasons["two.jpg"]
    assert "no face" in reasons["nobody.jpg"]
    assert "cannot be read" in reasons["broken.png"]
    assert errors.count("left out") == 3


def test_recordings_are_ranked_for_a_face(
    gallery: Path, tmp_path: Path, said: np.ndarray, quiet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "voices"
    for name, peak in (("loud", 0.95), ("soft", 0.05)):
        write_wav(root / f"{name}.wav", (said * (peak * 32768 / np.abs(said).max())).astype(np.int16))
    write_wav(root / "silent.wav", np.zeros(RATE_HZ, np.int16))
    assert run("--face", gallery / "deep" / "dark.png", "--voices", root, "--top", "1") == 0
    out, errors = capsys.readouterr()
    assert out.split()[0] == "1"
    assert out.count("\n") == 1
    assert "s of speech" in errors


def test_candidates_are_scored_by_the_batch_and_the_best_of_all_kept(
    gallery: Path, quiet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = Brightness()
    whole, *_ = ranking.retrieve(quiet, gallery, lambda: system, voice_probe=True, top=2)
    monkeypatch.setattr(ranking, "BATCH", 2)
    assert ranking.retrieve(quiet, gallery, lambda: system, voice_probe=True, top=2)[0] == whole
    assert len(whole) == 2
    assert max(faces for _, faces in system.batches[1:]) <= 2


def test_equal_scores_are_in_order_of_their_names(tmp_path: Path, quiet: Path) -> None:
    for name in "cab":
        write_photo(tmp_path / "faces" / f"{name}.png", portrait(0))
    ranked, *_ = ranking.retrieve(quiet, tmp_path / "faces", Brightness, voice_probe=True, top=3)
    assert [one.file.stem for one in ranked] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--voice", "none.wav", "--faces", "{gallery}"], "none.wav: no such file"),
        (["--voice", "{quiet}", "--faces", "nowhere"], "nowhere: no such folder"),
        (["--voice", "{quiet}", "--faces", "{quiet}"], "is a file; give a folder of photos"),
        (["--voice", "{quiet}", "--faces", "{empty}"], "no photos in this folder"),
        (["--voice", "{gallery}/broken.png", "--faces", "{gallery}"], "cannot be read as sound"),
        (["--face", "{gallery}/two.jpg", "--voices", "{voices}"], "shows more than one face"),
        (["--face", "{gallery}/nobody.jpg", "--voices", "{voices}"], "no face is found"),
        (["--face", "{gallery}/broken.png", "--voices", "{voices}"], "cannot be read as a picture"),
        (["--face", "{gallery}/deep/dark.png", "--voices", "{gallery}"], "no recordings in this folder"),
        (
            [
                "--voice",
                "{quiet}",
                "--faces",
                "{gallery}/deep",
                "--models",
                "{empty}/none",
                "--system",
                "nobody",
            ],
            "nobody: unknown system",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_1(
    gallery: Path,
    quiet: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"gallery": gallery, "quiet": quiet, "empty": tmp_path / "empty", "voices": quiet.parent}
    assert main.main(["retrieve", *(word.format(**places) for word in words)]) == 1
    result = capsys.readouterr()
    assert result.out == ""
    assert message in result.err
    assert result.err.startswith("deepfacegen: ")
    assert result.err.count("\n") == 1


def test_a_folder_without_any_usable_photo_fails(
    gallery: Path, quiet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photo(tmp_path / "bad" / "nobody.png", np.full((99, 99, 3), 7, dtype=np.uint8))
    with pytest.raises(retrieve.UserError, match="none of 1 photos can be used"):
        run("--voice", quiet, "--faces", tmp_path / "bad")
    assert "no face is found" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--voice", "a.wav"],
        ["--faces", "b"],
        ["--voice", "a.wav", "--voices", "b"],
        ["--face", "a.png", "--faces", "b"],
        ["--voice", "a.wav", "--face", "a.png", "--faces", "b"],
        ["--voice", "a.wav", "--faces", "b", "--top", "0"],
    ],
)
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["retrieve", *words])
    assert caught.value.code == 2
    assert "usage: deepfacegen retrieve" in capsys.readouterr().err


def test_a_system_that_only_draws_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deepfacegen.systems import registry

    monkeypatch.setattr(registry, "load", lambda name, models_dir, device: object())
    with pytest.raises(retrieve.UserError, match="does not compare"):
        models.matcher("cgan", tmp_path, "cpu")
