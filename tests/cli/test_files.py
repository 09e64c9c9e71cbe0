"""Files as people have them, through the commands: names of every kind and length, links, suffixes, and
formats that are not read."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfacegen.api import uploads
from deepfacegen.api.photos import read_face
from deepfacegen.api.speech import read_speech
from deepfacegen.cli import main, models
from tests.shared.pictures import Brightness, portrait, write_photo
from tests.shared.sounds import FakeSystem, convert, write_wav

BAD = [
    b"caf\xe9",
    b"new\nline",
    b"-dash",
    b"[0-9]",
    b"per%03dcent",
    " \u202egnp".encode(),
    b"'quote\"",
    "\U0001f600".encode(),
]
SHOWN = ["caf\\xe9", "new\\nline", "-dash", "[0-9]", "per%03dcent", " \\u202egnp", "'quote\"", "\U0001f600"]


class Strict:
    """Standard output and error as they are under a UTF-8 locale: what is no text ends a program that prints
    it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.streams = [
            io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict", write_through=True)
            for _ in range(2)
        ]
        monkeypatch.setattr(sys, "stdout", self.streams[0])
        monkeypatch.setattr(sys, "stderr", self.streams[1])

    def read(self) -> tuple[str, str]:
        texts = []
        for stream in self.streams:
            texts.append(stream.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
            stream.seek(0)
            stream.truncate()
        return texts[0], texts[1]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    """The command line with systems that need no models."""

    class Fake:
        low_px, size_px, names = 16, 128, ["male"]

        def guess(self, faces: np.ndarray) -> np.ndarray:
            return np.ones((len(faces), 1), np.float32)

        def frontal(self, faces: np.ndarray, attributes: np.ndarray | None) -> np.ndarray:
            return np.full((1, 128, 128, 3), 77, np.uint8)

    monkeypatch.setattr(models, "matcher", lambda *_: Brightness())
    monkeypatch.setattr(models, "refiner", lambda *_: Fake())
    monkeypatch.setattr(models, "generator", lambda *_: FakeSystem())
    return lambda *words: main.main([str(word) for word in words])


def lay(folder: Path, source: Path, names: list[bytes] = BAD) -> list[Path]:
    folder.mkdir(parents=True)
    paths = [
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name + os.fsencode(source.suffix))) for name in names
    ]
    try:
        for path in paths:
            shutil.copy(source, path)
    except OSError:
        pytest.skip("this file system has no such names")
    return paths


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write_photo(tmp_path / "photo.jpg", portrait(0))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_folder_of_names_of_every_kind(
    speech: Path, tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = Strict(monkeypatch)
    lay(tmp_path / "names", speech)
    assert run("generate", tmp_path / "names", tmp_path / "out") == 0
    table = rows(tmp_path / "out/results.csv")
    assert {row["status"] for row in table} == {"ok"}
    expected = {os.fsdecode(name).replace("\udce9", "\\xe9") for name in BAD}
    assert (
        {row["recording"].removesuffix(".wav") for row in table}
        == {row["faces"].removesuffix(".png") for row in table}
        == expected
    )
    assert all(Path(os.fsdecode(os.fsencode(tmp_path) + b"/out/" + name + b".png")).is_file() for name in BAD)
    strict.read()
    assert run("generate", tmp_path / "names", tmp_path / "out", "--json") == 0
    assert json.loads(strict.read()[0])["already_done"] == len(BAD)


def test_a_recording_of_any_name_by_itself(
    speech: Path, tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = Strict(monkeypatch)
    paths = lay(tmp_path / "names", speech, BAD[:3])
    for path, shown in zip(paths, SHOWN, strict=False):
        assert run("generate", path, path.with_suffix(".png")) == 0
        out, errors = strict.read()
        assert (f"{shown}.png (128 px, from" in out, out.count("\n"), errors) == (True, 2, "")
        assert run("generate", path, path.with_suffix(".png"), "--json") == 0
        json.loads(strict.read()[0]).__getitem__("faces")[0].encode("utf-8")
        path.write_bytes(b"no sound")
        assert run("generate", path, path.with_suffix(".png")) == 1
        out, errors = strict.read()
        assert (out, errors.count("\n")) == ("", 1)
        assert f"{shown}.wav: cannot be read as sound" in errors


def test_photos_and_recordings_of_any_name_are_ranked(
    speech: Path, photo: Path, tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = Strict(monkeypatch)
    lay(tmp_path / "photos", photo)
    for path in lay(tmp_path / "sounds", speech)[:2]:
        path.write_bytes(b"no sound")
    assert run("retrieve", "--voice", speech, "--faces", tmp_path / "photos") == 0
    out, errors = strict.read()
    assert sorted(line.split("/")[-1] for line in out.splitlines()) == sorted(f"{name}.jpg" for name in SHOWN)
    assert errors == f"{len(BAD)} photos: {len(BAD)} scored, 0 rejected\n"
    assert run("retrieve", "--face", photo, "--voices", tmp_path / "sounds", "--json") == 0
    out, errors = strict.read()
    result = json.loads(out)
    assert {one["file"].split("/")[-1] for one in result["left_out"]} == {"caf\\xe9.wav", "new\nline.wav"}
    assert all(
        "cannot be read as sound" in one["reason"] and "/" not in one["reason"] for one in result["left_out"]
    )
    assert "left out" in errors
    assert f"{len(BAD)} recordings: {len(BAD) - 2} scored, 2 rejected\n" in errors
    result["ranked"][0]["file"].encode("utf-8")


def test_faces_in_photos_of_any_name(
    speech: Path, photo: Path, tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = Strict(monkeypatch)
    for path, shown in zip(lay(tmp_path / "photos", photo), SHOWN, strict=True):
        assert run("who", "--name", f"Ann={speech}", path) == 0
        assert run("who", "--name", f"caf\udce9\n={speech}", path, "--json") == 0
        assert json.loads(strict.read()[0].splitlines()[1])["tracks"][0]["name"] == "caf\\xe9"
        assert run("frontal", path, path.with_suffix(".png")) == 0
        assert strict.read()[0].count("\n") == 2
        path.write_bytes(b"no picture")
        assert (
            run("frontal", path, path.with_suffix(".png")) == run("who", "--name", f"Ann={speech}", path) == 1
        )
        errors = strict.read()[1].splitlines()
        assert [f"{shown}.jpg: cannot be read as a picture" in line for line in errors] == [True, True]


def test_names_as_long_as_they_can_be(
    speech: Path, tmp_path: Path, run, capsys: pytest.CaptureFixture[str]
) -> None:
    lengths = (200, 240, 245, 251)
    lay(tmp_path / "long", speech, [b"n" * n for n in lengths] + [b"short"])
    (tmp_path / "long" / ("s" * 255)).write_bytes(speech.read_bytes())
    for count in (1, 12):
        assert run("generate", tmp_path / "long", tmp_path / "out", "--count", count, "--json") == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["recordings"], result["ok"], result["rejected"]) == (6, 6, 0)
        faces = [name for row in rows(tmp_path / "out/results.csv") for name in row["faces"].split(";")]
        assert len(set(faces)) == 6 * count
        assert all((tmp_path / "out" / name).is_file() for name in faces)
    assert not list((tmp_path / "out").glob(".*"))
    assert run("generate", tmp_path / "long", tmp_path / "out", "--count", 12, "--json") == 0
    assert json.loads(capsys.readouterr().out)["already_done"] == 6
    assert run("generate", tmp_path / "long" / ("s" * 255), tmp_path / "out", "--count", 2) == 0
    assert run("generate", tmp_path / "long" / "short.wav", tmp_path / f"{'t' * 256}.png") == 1
    assert "tttt.png: File name too long" in capsys.readouterr().err


def test_a_name_that_the_target_cannot_hold_is_a_row_with_its_reason(
    speech: Path, tmp_path: Path, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path / "two", speech, [b"a", b"what?"])
    replace = os.replace

    def no_question(source: object, target: object) -> None:
        if "?" in str(target):
            raise OSError(22, "Invalid argument", str(source), None, str(target))
        replace(source, target)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "replace", no_question)
    assert run("generate", tmp_path / "two", tmp_path / "out") == 0
    assert {row["recording"]: row["reason"] for row in rows(tmp_path / "out/results.csv")} == {
        "a.wav": "",
        "what?.wav": "its face cannot be named so here: Invalid argument",
    }
    assert not list((tmp_path / "out").glob(".*"))


def test_linked_folders_and_every_suffix_and_what_else_lies_there(
    speech: Path, photo: Path, tmp_path: Path, run, capsys: pytest.CaptureFixture[str]
) -> None:
    root, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(speech, elsewhere / "linked")
    (root / "link").symlink_to(elsewhere)
    (root / "loop").symlink_to(root)
    for name, options in {
        "a.mpga": ["-f", "mp3"],
        "b.WEBA": ["-c:a", "libopus", "-f", "webm"],
        "c.strange": ["-f", "w64"],
        "d.wave": ["-f", "wav"],
    }.items():
        convert(speech, root / name, *options)
    shutil.copy(photo, root / "photo.jfif")
    (root / "Thumbs.db").touch()
    (root / "notes").write_text("hello")
    assert run("generate", root, root / "faces") == 0
    out = capsys.readouterr().out
    others = "links to what is listed: 1; other files: 1; photos: 1; system files: 1"
    assert f"6 recordings: 6 ok, 0 rejected; 4 passed over ({others}); see " in out
    passed = {row["path"]: row["reason"] for row in rows(root / "faces/passed_over.csv")}
    reasons = {
        "loop/": "links_to_what_is_listed",
        "notes": "other_files",
        "photo.jfif": "photos",
        "Thumbs.db": "system_files",
    }
    assert passed == {f"{root}/{name}": reason for name, reason in reasons.items()}
    # The faces below the folder of recordings are not counted as something that lies there.
    assert run("generate", root, root / "faces", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["already_done"], sum(result["passed_over"].values()), result["passed_over_list"]) == (
        6,
        4,
        str(root / "faces/passed_over.csv"),
    )
    assert run("retrieve", "--voice", speech, "--faces", root, "--json") == 0
    out, errors = capsys.readouterr()
    result = json.loads(out)
    assert (
        result["scored"] + len(result["left_out"]) + len(result["passed_over"]) == 1 + 6 + 6 + 3 + 2
    )  # photo, recordings, faces, others, tables
    assert "6 of" not in errors


def test_a_list_that_is_out_of_date_goes_away(speech: Path, tmp_path: Path, run) -> None:
    (speech.parent / "notes.txt").touch()
    assert run("generate", speech.parent, tmp_path / "out") == 0
    assert (tmp_path / "out/passed_over.csv").exists()
    (speech.parent / "notes.txt").unlink()
    assert run("generate", speech.parent, tmp_path / "out") == 0
    assert not (tmp_path / "out/passed_over.csv").exists()


def test_a_folder_that_holds_something_else_says_what(
    tmp_path: Path, run, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.wav").touch()
    assert run("generate", tmp_path, tmp_path / "out") == 1
    passed = "2 passed over (hidden files: 1, such as .hidden.wav; other files: 1, such as notes.txt)"
    assert (
        capsys.readouterr().err
        == f"deepfacegen: {tmp_path}: no recordings in this folder or below it; {passed}\n"
    )


@pytest.mark.parametrize("name", ["x.jfif", "x.JPE", "x.gif", "x.avif", "x.jp2", "x", "x.strange", "x.mp4"])
def test_a_photo_is_a_photo_whatever_it_is_called(
    speech: Path, tmp_path: Path, run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    kind = {"x.gif": "GIF", "x.avif": "AVIF", "x.jp2": "JPEG2000"}.get(name, "JPEG")
    Image.fromarray(portrait(0)).save(tmp_path / name, kind)
    assert read_face(tmp_path / name).shape == (128, 128, 3)
    assert run("who", "--name", f"Ann={speech}", tmp_path / name) == 0
    assert " s, " not in capsys.readouterr().out  # no time, as of a film
    assert run("generate", tmp_path / name, tmp_path / "face.png") == 1
    assert capsys.readouterr().err == f"deepfacegen: {tmp_path / name}: is a picture, not a recording\n"
    with pytest.raises(uploads.UserError, match="is a picture, not sound; send a sound or video file"):
        uploads.checked(tmp_path / name)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.jpg", HEIC, "is a HEIC picture, which is not read here; convert it to JPEG or PNG"),
        ("x", HEIC, "is a HEIC picture, which is not read here; convert it to JPEG or PNG"),
        (
            "x.dng",
            b"II*\0" + bytes(100),
            "is a camera raw picture, which is not read here; export it as JPEG or PNG",
        ),
        (
            "x.png",
            b"8BPS\0\1" + bytes(100),
            "is a Photoshop picture, which is not read here; export it as JPEG or PNG",
        ),
        (
            "x.pdf",
            b"%PDF-1.7\n" + bytes(100),
            "is a PDF document, not a picture; export the picture in it as JPEG or PNG",
        ),
        (
            "x.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "is an SVG graphic, not a photo; export it as PNG",
        ),
    ],
)
def test_pictures_that_are_not_read_are_named_with_what_to_do(
    speech: Path,
    photo: Path,
    tmp_path: Path,
    run,
    capsys: pytest.CaptureFixture[str],
    name: str,
    data: bytes,
    message: str,
) -> None:
    path = tmp_path / "photos" / name
    path.parent.mkdir()
    path.write_bytes(data)
    for words in (
        ["frontal", path, tmp_path / "f.png"],
        ["who", "--name", f"Ann={speech}", path],
        ["retrieve", "--face", path, "--voices", speech.parent],
    ):
        assert run(*words) == 1
        assert capsys.readouterr().err == f"deepfacegen: {path}: {message}\n"
    shutil.copy(photo, path.parent / "good.jpg")
    assert run("retrieve", "--voice", speech, "--faces", path.parent) == 0
    errors = capsys.readouterr().err
    named = name in ("x.pdf", "x.svg")
    expected = (
        f"1 photos: 1 scored, 0 rejected; 1 passed over (other files: 1, such as {name})"
        if named
        else "2 photos: 1 scored, 1 rejected"
    )
    assert errors == ("" if named else f"deepfacegen: left out {path}: {message}\n") + f"{expected}\n"


def test_sound_given_as_a_picture_is_named(
    speech: Path, tmp_path: Path, run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("frontal", speech, tmp_path / "f.png") == 1
    assert capsys.readouterr().err == f"deepfacegen: {speech}: is sound or a film, not a picture\n"
    (tmp_path / "what").write_text("neither")
    assert run("who", "--name", f"Ann={speech}", tmp_path / "what") == 1
    assert capsys.readouterr().err == f"deepfacegen: {tmp_path / 'what'}: is neither a picture nor a film\n"


def test_a_wave_file_of_the_speech_corpora_is_read(said: np.ndarray, tmp_path: Path) -> None:
    """TIMIT and its like name NIST SPHERE files .wav."""
    wav = write_wav(tmp_path / "a.wav", said)
    header = f"NIST_1A\n   1024\nsample_count -i {len(said)}\nsample_n_bytes -i 2\nchannel_count -i 1\n"
    header += "sample_byte_format -s2 01\n"
    header += "sample_rate -i 16000\nsample_coding -s3 pcm\nend_head\n"
    (tmp_path / "SX37.WAV").write_bytes(header.encode().ljust(1024) + said.astype("<i2").tobytes())
    assert np.array_equal(read_speech(tmp_path / "SX37.WAV"), read_speech(wav))
