"""Speech in any track or channel is heard the same by the command, in an upload and as samples."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from deepfacegen.api import recordings, uploads
from deepfacegen.api.speech import read_speech
from deepfacegen.data.files import media
from deepfacegen.errors import UserError
from tests.shared.sounds import RATE_HZ, write_wav


def channels(path: Path, *sounds: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(len(sounds))
        stream.setsampwidth(2)
        stream.setframerate(RATE_HZ)
        stream.writeframes(np.stack(sounds, axis=1).astype("<i2").tobytes())
    return path


def tracks(path: Path, *files: Path) -> Path:
    given = [word for file in files for word in ("-i", str(file))]
    maps = [word for number in range(len(files)) for word in ("-map", str(number))]
    subprocess.run(
        [media.ffmpeg_path(), "-v", "error", "-y", *given, *maps, "-c:a", "flac", str(path)], check=True
    )
    return path


@pytest.fixture
def kinds(tmp_path: Path, said: np.ndarray) -> dict[str, Path]:
    """The same speech in unusual places."""
    nothing = np.zeros_like(said)
    noise = np.random.default_rng(0).normal(0, 6000, (2, len(said)))
    plain, silent = write_wav(tmp_path / "plain.wav", said), write_wav(tmp_path / "silent.wav", nothing)
    return {
        "plain": plain,
        "inverted": channels(tmp_path / "inverted.wav", said, -said),
        "nine channels": channels(tmp_path / "nine.wav", *[nothing] * 6, said, nothing, nothing),
        "under noise": channels(tmp_path / "noise.wav", noise[0], said, noise[1]),
        "second track": tracks(tmp_path / "second.mkv", silent, plain),
        "third track": tracks(tmp_path / "third.mka", silent, silent, plain),
    }


def test_the_same_speech_wherever_it_is(kinds: dict[str, Path], said: np.ndarray) -> None:
    expected = read_speech(kinds["plain"])
    assert len(expected) > 2 * RATE_HZ
    for kind, path in kinds.items():
        assert np.array_equal(read_speech(path), expected), kind


@pytest.mark.parametrize("kind", ["inverted", "under noise", "third track"])
def test_uploads_are_searched_alike(kinds: dict[str, Path], kind: str) -> None:
    assert np.array_equal(uploads.checked(kinds[kind].read_bytes()), read_speech(kinds["plain"]))


def test_samples_that_cancel_are_not_summed(kinds: dict[str, Path], said: np.ndarray) -> None:
    expected = recordings.decode(said)
    assert np.array_equal(recordings.decode(np.stack([said, -said], axis=1)), expected)
    assert np.array_equal(recordings.decode(np.stack([said, said], axis=1)), expected)
    quarter = np.stack([said, -(said // 2)], axis=1)  # the mean, a quarter, as before
    mean = np.clip(np.round(quarter.astype(np.float64).mean(axis=1)), -32768, 32767).astype(np.int16)
    assert np.array_equal(recordings.decode(quarter), recordings.decode(mean))


def test_all_tracks_are_named_where_none_has_speech(tmp_path: Path, said: np.ndarray) -> None:
    silent = write_wav(tmp_path / "silent.wav", np.zeros_like(said))
    path = tracks(
        tmp_path / "film.mkv",
        silent,
        channels(tmp_path / "two.wav", np.zeros_like(said), np.zeros_like(said)),
    )
    sound = f"0.0 s of speech in {len(said) / RATE_HZ:.1f} s of sound"
    others = "nor more in any other of 2 tracks: 1 (mono), 2 (stereo)"
    for hear, name in ((read_speech, str(path)), (uploads.checked, path.name)):
        with pytest.raises(UserError) as caught:
            hear(path)
        assert str(caught.value) == f"{name}: {sound}, {others}; at least 1.5 s are needed"


def test_an_upload_has_one_time_for_all_that_is_searched(
    kinds: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is decoded when it is over, and the answer is that of what was heard."""
    wanted = []
    decode = uploads._decode

    def counted(path: Path, limits: uploads.Limits, shown: str, channel: str = "") -> bytes:
        wanted.append((channel, limits.timeout_seconds))
        return decode(path, limits, shown, channel)

    monkeypatch.setattr(uploads, "_decode", counted)
    uploads.checked(kinds["third track"])
    assert [channel for channel, _ in wanted] == ["", "alternatives", "1", "2"]
    left = [seconds for _, seconds in wanted]
    assert left == sorted(left, reverse=True)
    monkeypatch.setattr(uploads.time, "monotonic", iter([0.0, 60.0, 60.0]).__next__)
    with pytest.raises(UserError, match=r"0\.0 s of speech"):
        uploads.checked(kinds["third track"])


def test_samples_longer_than_what_is_searched_say_so(said: np.ndarray) -> None:
    rate = 8_000
    with pytest.raises(UserError) as caught:
        recordings.decode(np.zeros(601 * rate, dtype=np.int16), rate)
    assert str(caught.value) == (
        "speech: 0.0 s of speech in the first 600.0 s of sound; what follows was not searched; "
        "at least 1.5 s are needed"
    )
