"""One recording: what is heard in it, what is refused, and what lies on disk afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfacegen.errors import UserError
from deepfacegen.serving.predictor import draw_one, face_files, listen, write_faces
from tests.serving.sounds import RATE_HZ, SIZE_PX, FakeSystem, convert, write_wav


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        listen(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_listen_removes_the_silence_around_speech(tmp_path: Path, said: np.ndarray) -> None:
    quiet = np.random.default_rng(1).normal(0, 3, 4 * RATE_HZ).astype(np.int16)
    heard = listen(write_wav(tmp_path / "padded.wav", np.concatenate([quiet, said, quiet])))
    assert heard.dtype == np.int16
    assert 0.7 * len(said) < len(heard) < len(said) + 1.5 * RATE_HZ


def test_listen_uses_ten_seconds_at_most(tmp_path: Path, said: np.ndarray) -> None:
    heard = listen(write_wav(tmp_path / "long.wav", np.tile(said, 5)))
    assert len(heard) == 10 * RATE_HZ


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("speech.m4a", ("-c:a", "aac")),
        ("speech.mp3", ("-ar", "44100", "-ac", "2")),
        ("speech.flac", ("-ar", "8000")),
        ("speech.mp4", ("-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=3")),
        ("with blank & quote's.ogg", ()),
    ],
)
def test_listen_reads_what_ffmpeg_reads(speech: Path, tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    other = listen(convert(speech, tmp_path / name, *options))
    assert abs(len(other) - len(listen(speech))) < 0.5 * RATE_HZ


def test_listen_refuses_silence(tmp_path: Path) -> None:
    assert "0.0 s of speech in 3.0 s of sound" in refusal(write_wav(tmp_path / "silent.wav", np.zeros(3 * RATE_HZ, np.int16)))


def test_listen_refuses_a_single_word(tmp_path: Path, said: np.ndarray) -> None:
    assert "1.5 s are needed" in refusal(write_wav(tmp_path / "short.wav", said[: RATE_HZ // 2]))


def test_listen_refuses_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    assert "the file is empty" in refusal(path)


def test_listen_refuses_text_in_disguise(tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("not sound at all\n" * 50, encoding="utf-8")
    assert "cannot be read as sound" in refusal(path)


def test_listen_refuses_a_silent_film(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "face.png")
    convert(tmp_path / "face.png", path)
    assert "holds no sound" in refusal(path)


def test_listen_refuses_what_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.wav")


def test_face_files_are_numbered_only_if_there_are_several() -> None:
    assert face_files(Path("out/a.png"), 1) == [Path("out/a.png")]
    assert face_files(Path("out/a.png"), 3) == [Path("out/a-1.png"), Path("out/a-2.png"), Path("out/a-3.png")]


def test_write_faces_keeps_every_pixel_and_leaves_nothing_else(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    files = face_files(tmp_path / "new" / "face.png", 2)
    write_faces(files, faces)
    assert [np.array_equal(np.asarray(Image.open(file)), face) for file, face in zip(files, faces, strict=True)] == [True, True]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["face-1.png", "face-2.png"]


def test_write_faces_leaves_the_old_face_if_writing_fails(tmp_path: Path) -> None:
    face = tmp_path / "face.png"
    face.write_bytes(b"old")
    with pytest.raises(TypeError):
        write_faces([face], np.zeros((1, SIZE_PX, SIZE_PX, 7), np.uint8))  # no picture has seven channels
    assert face.read_bytes() == b"old"


def test_draw_one_writes_the_face_of_this_voice(speech: Path, tmp_path: Path, system: FakeSystem) -> None:
    seconds, files = draw_one(speech, tmp_path / "out" / "face.png", lambda: system, count=2, seed=9)
    expected = system.generate([listen(speech)], 2, 9)[0]
    assert seconds == len(listen(speech)) / RATE_HZ
    assert [np.array_equal(np.asarray(Image.open(file)), face) for file, face in zip(files, expected, strict=True)] == [True, True]


def test_draw_one_wants_png(speech: Path, tmp_path: Path, system: FakeSystem) -> None:
    with pytest.raises(UserError, match=r"face\.jpg: .*must end in \.png"):
        draw_one(speech, tmp_path / "face.jpg", lambda: system, count=1, seed=0)
