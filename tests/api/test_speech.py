"""One recording: the speech that is read from it, and what is refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfacegen.api import speech as speech_module
from deepfacegen.api.speech import decode, read_speech
from deepfacegen.data.audio.decoding import decode_audio
from deepfacegen.data.files.media import MediaError
from deepfacegen.errors import UserError
from tests.shared.sounds import RATE_HZ, convert, write_wav


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_speech(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_removes_the_silence_around_speech(tmp_path: Path, said: np.ndarray) -> None:
    quiet = np.random.default_rng(1).normal(0, 3, 4 * RATE_HZ).astype(np.int16)
    speech = read_speech(write_wav(tmp_path / "padded.wav", np.concatenate([quiet, said, quiet])))
    assert speech.dtype == np.int16
    assert 0.7 * len(said) < len(speech) < len(said) + 1.5 * RATE_HZ


def test_uses_ten_seconds_at_most(tmp_path: Path, said: np.ndarray) -> None:
    speech = read_speech(write_wav(tmp_path / "long.wav", np.tile(said, 5)))
    assert len(speech) == 10 * RATE_HZ


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
def test_reads_what_ffmpeg_reads(speech: Path, tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    other = read_speech(convert(speech, tmp_path / name, *options))
    assert abs(len(other) - len(read_speech(speech))) < 0.5 * RATE_HZ


def test_refuses_silence(tmp_path: Path) -> None:
    assert "0.0 s of speech in 3.0 s of sound" in refusal(
        write_wav(tmp_path / "silent.wav", np.zeros(3 * RATE_HZ, np.int16))
    )


def test_refuses_a_single_word(tmp_path: Path, said: np.ndarray) -> None:
    assert "1.5 s are needed" in refusal(write_wav(tmp_path / "short.wav", said[: RATE_HZ // 2]))


def test_refuses_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    assert "the file is empty" in refusal(path)


def test_refuses_text_in_disguise(tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("not sound at all\n" * 50, encoding="utf-8")
    assert "cannot be read as sound" in refusal(path)


def test_refuses_a_silent_film(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "face.png")
    convert(tmp_path / "face.png", path)
    assert "holds no sound" in refusal(path)


def test_refuses_what_is_not_there(tmp_path: Path) -> None:
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
    monkeypatch.setattr(speech_module, "decode_audio", lambda path, max_seconds: by_ffmpeg)
    sound = decode(path, 40.0)
    assert sound.dtype == np.int16
    assert (sound is by_ffmpeg) == (name in NOT_PLAIN)
