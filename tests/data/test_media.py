"""Decoding foreign files with the real ffmpeg: right samples from good ones, a reason for bad ones."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from deepfacegen.data.audio import decoding
from deepfacegen.data.files import films, media

RATE = media.SAMPLE_RATE_HZ


def tone(hz: float, seconds: float, rate_hz: int) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.int16)


def loudest_hz(wave: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(wave * np.hanning(len(wave))))) * RATE / len(wave))


@pytest.mark.parametrize("suffix", ["wav", "m4a", "mp3", "ogg", "flac", "mp4", "webm"])
def test_any_container_at_any_rate_becomes_16_khz_mono(tmp_path: Path, write: dict, suffix: str) -> None:
    path = write["sound"](tmp_path / f"tone.{suffix}", tone(440, 2.0, 48_000), rate_hz=48_000, ac=2)
    wave = decoding.decode_audio(path)
    assert wave.dtype == np.int16
    assert wave.ndim == 1
    assert abs(len(wave) / RATE - 2.0) < 0.1
    assert loudest_hz(wave[RATE // 2 : -RATE // 2]) == pytest.approx(440, abs=2)


def test_wav_at_16_khz_is_bit_exact(tmp_path: Path, write: dict) -> None:
    wave = np.random.default_rng(0).integers(-30000, 30000, RATE).astype(np.int16)
    assert np.array_equal(decoding.decode_audio(write["sound"](tmp_path / "noise.wav", wave)), wave)


def test_no_more_than_max_seconds_is_read(tmp_path: Path, write: dict) -> None:
    path = write["sound"](tmp_path / "a.wav", tone(440, 3.0, RATE))
    assert len(decoding.decode_audio(path, max_seconds=1.25)) == 1.25 * RATE


def bad_sounds(folder: Path, write: dict) -> dict[str, Path]:
    whole = write["sound"](folder / "whole.m4a", tone(440, 2.0, RATE)).read_bytes()
    files = {
        "empty": b"",
        "truncated": whole[: len(whole) // 2],
        "text": b"nobody speaks here\n" * 50,
        "junk": bytes(range(256)) * 20,
    }
    for name, data in files.items():
        (folder / f"{name}.m4a").write_bytes(data)
    return {name: folder / f"{name}.m4a" for name in files}


@pytest.mark.parametrize("name", ["empty", "truncated", "text", "junk"])
def test_what_cannot_be_decoded_is_corrupt(tmp_path: Path, write: dict, name: str) -> None:
    with pytest.raises(media.MediaError) as caught:
        decoding.decode_audio(bad_sounds(tmp_path, write)[name])
    assert caught.value.reason == "corrupt"
    assert name in str(caught.value)


def test_a_missing_file_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(media.MediaError, match="corrupt"):
        decoding.decode_audio(tmp_path / "nowhere.wav")


def test_video_without_sound_has_no_audio(tmp_path: Path, write: dict) -> None:
    path = write["film"](tmp_path / "mute.mp4", np.full((5, 64, 64, 3), 128, dtype=np.uint8))
    with pytest.raises(media.MediaError) as caught:
        decoding.decode_audio(path)
    assert caught.value.reason == "no_audio"


def test_sound_without_picture_has_no_video(tmp_path: Path, write: dict) -> None:
    with pytest.raises(media.MediaError) as caught:
        films.video_frames(write["sound"](tmp_path / "a.m4a", tone(440, 1.0, RATE)), 1.0)
    assert caught.value.reason == "no_video"


@pytest.mark.parametrize(
    "listing",
    [
        "ffconcat version 1.0\nfile secret.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nsecret.wav\n#EXT-X-ENDLIST\n",
    ],
)
@pytest.mark.parametrize("name", ["list.m4a", "list.m3u8", "list.ffconcat"])
def test_lists_of_files_are_not_followed(tmp_path: Path, write: dict, listing: str, name: str) -> None:
    write["sound"](tmp_path / "secret.wav", tone(440, 3.0, RATE))
    (tmp_path / name).write_text(listing)
    with pytest.raises(media.MediaError) as caught:
        decoding.decode_audio(tmp_path / name)
    assert caught.value.reason == "corrupt"


def test_names_are_never_options_or_protocols(
    tmp_path: Path, write: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-i.wav", "concat:a|b.wav", "it's %d [x].wav"):
        write["sound"](tmp_path / "plain.wav", tone(440, 0.5, RATE)).rename(tmp_path / name)
        assert len(decoding.decode_audio(name)) == RATE // 2


def test_decoding_that_takes_too_long_is_given_up(tmp_path: Path, write: dict) -> None:
    path = write["sound"](tmp_path / "a.wav", tone(440, 1.0, RATE))
    with pytest.raises(media.MediaError, match="more than 0 s"):
        decoding.decode_audio(path, timeout_seconds=0.0)


@pytest.mark.parametrize("with_bad", [False, True])
def test_files_decoded_together_are_as_if_decoded_alone(
    tmp_path: Path, write: dict, monkeypatch: pytest.MonkeyPatch, with_bad: bool
) -> None:
    paths = [
        write["sound"](tmp_path / "a.m4a", tone(440, 1.3, 44_100), 44_100),
        write["sound"](tmp_path / "-b.wav", tone(330, 0.7, RATE)),
        write["film"](tmp_path / "c.mp4", np.zeros((5, 64, 64, 3), dtype=np.uint8), tmp_path / "a.m4a"),
        write["sound"](tmp_path / "d:%d|.mp3", tone(550, 3.0, RATE), format="mp3"),
        tmp_path / "a.m4a",  # a second time
    ]
    if with_bad:
        (tmp_path / "text.m4a").write_text("hello")
        cut = tmp_path / "cut.mp3"
        cut.write_bytes(paths[3].read_bytes()[:-700])
        paths += [
            tmp_path / "text.m4a",
            cut,
            write["film"](tmp_path / "mute.mp4", np.zeros((5, 64, 64, 3), dtype=np.uint8)),
            tmp_path / "gone.wav",
        ]
    else:  # one process for all
        monkeypatch.setattr(decoding, "decode_audio", None)
    together = decoding.decode_audio_files(paths, 2.0)
    monkeypatch.undo()
    assert len(together) == len(paths)
    for path, found in zip(paths, together, strict=True):
        if isinstance(found, media.MediaError):
            with pytest.raises(media.MediaError) as caught:
                decoding.decode_audio(path, max_seconds=2.0)
            assert caught.value.reason == found.reason
        else:
            assert found.dtype == np.int16
            assert np.array_equal(found, decoding.decode_audio(path, max_seconds=2.0))
    reasons = [found.reason for found in together if isinstance(found, media.MediaError)]
    assert reasons == (["corrupt", "no_audio", "corrupt"] if with_bad else [])


def test_a_file_that_takes_too_long_is_given_up_and_the_others_are_not(
    tmp_path: Path, write: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write["sound"](tmp_path / f"{name}.wav", tone(440, 0.5, RATE)) for name in "ab"]
    assert decoding._decode_together(paths, 2.0, timeout_seconds=0.0) is None
    monkeypatch.setattr(decoding, "_decode_together", lambda *_: None)
    assert [
        len(sound) for sound in decoding.decode_audio_files(paths, 2.0) if isinstance(sound, np.ndarray)
    ] == [RATE // 2] * 2


def test_frames_come_at_the_wanted_rate_in_rgb(tmp_path: Path, write: dict) -> None:
    colours = np.array([[220, 30, 30], [30, 200, 30], [30, 30, 220]], dtype=np.uint8)  # a second of each
    film = np.repeat(np.broadcast_to(colours[:, None, None], (3, 48, 64, 3)), 5, axis=0)
    frames = films.video_frames(write["film"](tmp_path / "a.mp4", film, fps=5), 1.0)
    assert frames.shape[1:] == (48, 64, 3)
    assert len(frames) == 3
    assert np.abs(frames.mean(axis=(1, 2)) - colours).max() < 15


def test_large_frames_are_shrunk_and_counted_out(tmp_path: Path, write: dict) -> None:
    film = np.zeros((20, 160, 320, 3), dtype=np.uint8)
    path = write["film"](tmp_path / "a.mp4", film)
    assert films.video_frames(path, 5.0, max_frames=4, max_side_px=80).shape == (4, 40, 80, 3)


def test_an_error_survives_the_way_back_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(media.MediaError("a.wav", "corrupt", "why")))
    assert (error.reason, str(error)) == ("corrupt", "a.wav: corrupt (why)")
