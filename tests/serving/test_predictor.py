"""One recording: what is heard in it, what is refused, and what lies on disk afterwards."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepfacegen.api import predictor
from deepfacegen.api.predictor import decode, draw_one, face_files, listen, one_thread, write_faces
from deepfacegen.data.audio.decoding import decode_audio
from deepfacegen.data.files.media import MediaError
from deepfacegen.errors import UserError
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
def test_listen_reads_what_ffmpeg_reads(
    speech: Path, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    other = listen(convert(speech, tmp_path / name, *options))
    assert abs(len(other) - len(listen(speech))) < 0.5 * RATE_HZ


def test_listen_refuses_silence(tmp_path: Path) -> None:
    assert "0.0 s of speech in 3.0 s of sound" in refusal(
        write_wav(tmp_path / "silent.wav", np.zeros(3 * RATE_HZ, np.int16))
    )


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
    assert "File name too long" in refusal(tmp_path / ("a" * 5000))


def wav(
    *,
    samples: int = 4001,
    channels: int = 1,
    rate_hz: int = RATE_HZ,
    bits: int = 16,
    before: bytes = b"",
    after: bytes = b"",
    size: int | None = None,
) -> bytes:
    """A WAV file of noise, written by hand so that its header may also be wrong."""
    data = np.random.default_rng(0).integers(0, 256, samples * channels * bits // 8, dtype=np.uint8).tobytes()
    block = channels * bits // 8
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, channels, rate_hz, rate_hz * block, block, bits)
    body = head + before + b"data" + struct.pack("<I", len(data) if size is None else size) + data + after
    return b"RIFF" + struct.pack("<I", len(body)) + body


LIST = b"LIST" + struct.pack("<I", 18) + b"INFOISFT" + struct.pack("<I", 5) + b"Lavf\0\0"
PLAIN = {
    "plain": wav(),
    "a comment before": wav(before=LIST),
    "a comment of odd length before": wav(before=b"LIST" + struct.pack("<I", 5) + b"INFO\0\0"),
    "a comment after": wav(after=LIST),
    "a shorter size": wav(size=1000),
}
NOT_PLAIN = {
    "stereo": wav(channels=2),
    "8 kHz": wav(rate_hz=8000),
    "24 bits": wav(bits=24),
    "8 bits": wav(bits=8),
    "another chunk before": wav(before=b"junk" + struct.pack("<I", 4) + b"abcd"),
    "two comments before": wav(before=LIST + LIST),
    "cut off in the samples": wav()[:-100],
    "cut off in a sample": wav()[:-1],
    "no size": wav(size=0),
    "endless": wav(size=2**32 - 1),
    "odd size": wav(size=4001),
    "no samples": wav(samples=0),
    "cut off in the header": wav()[:40],
    "cut off in a comment": wav(before=LIST)[:50],
}


def outcome(read: Callable[[], np.ndarray]) -> bytes | str:
    try:
        return read().tobytes()
    except MediaError as error:
        return error.reason


@pytest.mark.parametrize("max_seconds", [0.1, 40.0])
@pytest.mark.parametrize("name", [*PLAIN, *NOT_PLAIN])
def test_decode_gives_every_sample_that_ffmpeg_gives(tmp_path: Path, name: str, max_seconds: float) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes((PLAIN | NOT_PLAIN)[name])
    assert outcome(lambda: decode(path, max_seconds)) == outcome(
        lambda: decode_audio(path, max_seconds=max_seconds)
    )


@pytest.mark.parametrize("name", [*PLAIN, *NOT_PLAIN])
def test_only_plain_wav_is_read_without_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes((PLAIN | NOT_PLAIN)[name])
    by_ffmpeg = np.zeros(3, np.int16)
    monkeypatch.setattr(predictor, "decode_audio", lambda path, max_seconds: by_ffmpeg)
    sound = decode(path, 40.0)
    assert sound.dtype == np.int16
    assert (sound is by_ffmpeg) == (name in NOT_PLAIN)


class Counting(FakeSystem):
    """Notes on how many threads torch computes while it draws."""

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        self.threads = torch.get_num_threads()
        return super().generate(voices, n, seed)


def test_one_recording_is_drawn_on_one_thread(speech: Path, tmp_path: Path) -> None:
    before, system = torch.get_num_threads(), Counting()
    torch.set_num_threads(2)
    try:
        draw_one(speech, tmp_path / "face.png", lambda: system, count=1, seed=0)
        assert (system.threads, torch.get_num_threads()) == (1, 2)
        with pytest.raises(ZeroDivisionError), one_thread():
            _ = 1 // 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_face_files_are_numbered_only_if_there_are_several() -> None:
    assert face_files(Path("out/a.png"), 1) == [Path("out/a.png")]
    assert face_files(Path("out/a.png"), 3) == [Path("out/a-1.png"), Path("out/a-2.png"), Path("out/a-3.png")]


def test_write_faces_keeps_every_pixel_and_leaves_nothing_else(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    files = face_files(tmp_path / "new" / "face.png", 2)
    write_faces(files, faces)
    assert [
        np.array_equal(np.asarray(Image.open(file)), face) for file, face in zip(files, faces, strict=True)
    ] == [True, True]
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
    assert [
        np.array_equal(np.asarray(Image.open(file)), face) for file, face in zip(files, expected, strict=True)
    ] == [True, True]


def test_draw_one_wants_png(speech: Path, tmp_path: Path, system: FakeSystem) -> None:
    with pytest.raises(UserError, match=r"face\.jpg: .*must end in \.png"):
        draw_one(speech, tmp_path / "face.jpg", lambda: system, count=1, seed=0)
