"""Recordings as people have them: channels that cancel, many channels, several tracks, a long beginning
without speech."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio import clips, decoding, speech_search, tracks
from deepfacegen.data.audio.speech import trim
from deepfacegen.data.files import media
from deepfacegen.data.shards import AudioShards

RATE = media.SAMPLE_RATE_HZ
CONFIG = AudioConfig()


def write_channels(path: Path, *channels: np.ndarray) -> Path:
    """16-bit WAV at 16 kHz; its header does not define where the channels belong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(len(channels))
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes(np.stack(channels, axis=1).astype("<i2").tobytes())
    return path


def ffmpeg(*arguments: object) -> bytes:
    return subprocess.run(
        [media.ffmpeg_path(), "-v", "error", "-y", *map(str, arguments)], check=True, capture_output=True
    ).stdout


def noise(samples: int, power: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, power, samples).astype(np.int16)


def silent(sound: np.ndarray) -> np.ndarray:
    return np.zeros_like(sound)


def found_in(path: Path) -> speech_search.FoundSpeech:
    return speech_search.search(speech_search.RecordingFile(path), CONFIG)


def test_channels_that_cancel_are_not_summed(tmp_path: Path, speech: np.ndarray) -> None:
    path = write_channels(tmp_path / "inverted.wav", speech, -speech)
    assert np.array_equal(decoding.decode_audio(path), speech)
    ffmpeg("-i", path, tmp_path / "inverted.m4a")
    coded = decoding.decode_audio(tmp_path / "inverted.m4a")[: len(speech)]
    assert np.corrcoef(coded, speech)[0, 1] > 0.98
    nearly = write_channels(tmp_path / "nearly.wav", -0.95 * speech, speech)
    assert np.array_equal(decoding.decode_audio(nearly), speech)  # the louder one


def test_they_are_not_among_other_files_either(tmp_path: Path, speech: np.ndarray) -> None:
    paths = [
        write_channels(tmp_path / "mono.wav", speech),
        write_channels(tmp_path / "inverted.wav", -speech, speech),
        write_channels(tmp_path / "silent.wav", silent(speech)),
        write_channels(tmp_path / "stereo.wav", speech, speech // 2),
    ]
    together = decoding.decode_audio_files(paths, 40.0)
    assert [
        np.array_equal(found, decoding.decode_audio(path))
        for path, found in zip(paths, together, strict=True)
    ] == [True] * 4
    assert np.array_equal(together[1], -speech)


@pytest.mark.parametrize("loudness", [1.0, 0.01])
def test_all_other_channels_are_mixed_as_ffmpeg_mixes_them(
    tmp_path: Path, speech: np.ndarray, loudness: float
) -> None:
    other = np.roll(speech, RATE) // 2
    files = {
        "same.wav": (speech, speech),
        "sides.wav": (speech, other),
        "left.wav": (speech, silent(speech)),
        "unrelated.wav": (noise(RATE, 3000, 1), noise(RATE, 3000, 2)),
        "opposed.wav": (speech, -0.5 * speech),  # the mean is the same speech, at a quarter
        "six.wav": (speech, other, speech, silent(speech), noise(len(speech), 900), other),
        "silence.wav": (silent(speech), silent(speech)),
    }
    for name, channels in files.items():
        path = write_channels(tmp_path / name, *(loudness * channel for channel in channels))
        mixed = ffmpeg("-i", path, "-f", "s16le", "-ac", 1, "-ar", RATE, "pipe:")
        assert decoding.decode_audio(path).tobytes() == mixed, name


def test_a_recording_of_usual_loudness_is_not_looked_at_twice(
    tmp_path: Path, speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_channels(tmp_path / "a.wav", speech, speech)
    quiet = write_channels(tmp_path / "b.wav", speech // 50)
    monkeypatch.setattr(tracks, "levels", None)
    assert len(decoding.decode_audio(quiet)) == len(speech)  # one channel: nothing can cancel
    monkeypatch.setattr(tracks, "tracks", None)
    assert [
        len(found)
        for found in decoding.decode_audio_files([path, path], 40.0)
        if isinstance(found, np.ndarray)
    ] == [len(speech)] * 2


@pytest.mark.parametrize(("count", "place"), [(9, 0), (9, 8), (20, 17)])
def test_of_channels_without_a_layout_the_one_with_speech_is_used(
    tmp_path: Path, speech: np.ndarray, count: int, place: int
) -> None:
    channels = [noise(len(speech), 2, seed) for seed in range(count)]
    channels[place] = speech
    path = write_channels(tmp_path / "many.wav", *channels)
    assert np.array_equal(decoding.decode_audio(path), speech)
    assert len(found_in(path).speech) == len(trim(speech))


def test_speech_in_one_channel_under_louder_noise_in_the_others(tmp_path: Path, speech: np.ndarray) -> None:
    loud = [noise(len(speech), 6000, seed) for seed in range(4)]
    found = found_in(
        write_channels(tmp_path / "a.wav", loud[0], loud[1], speech, loud[2], silent(speech), loud[3])
    )
    assert np.array_equal(found.speech, trim(speech))


def test_speech_that_cancels_under_music_that_does_not(tmp_path: Path, speech: np.ndarray) -> None:
    hum = (1500 * np.sin(np.arange(len(speech)) * 2 * np.pi * 220 / RATE)).astype(np.int16)
    path = write_channels(tmp_path / "karaoke.wav", speech // 2 + hum, hum - speech // 2)
    assert len(trim(decoding.decode_audio(path))) < RATE
    assert len(found_in(path).speech) > 2 * RATE


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_the_track_with_speech_is_used(tmp_path: Path, speech: np.ndarray, suffix: str) -> None:
    first, second = (
        write_channels(tmp_path / "a.wav", silent(speech), silent(speech)),
        write_channels(tmp_path / "b.wav", speech),
    )
    path = tmp_path / f"film.{suffix}"
    ffmpeg("-i", first, "-i", second, "-map", "0:a", "-map", "1:a", "-metadata:s:a:1", "language=eng", path)
    found = found_in(path)
    assert abs(len(found.speech) - len(trim(speech))) < RATE // 4
    assert found.tracks == (tracks.Track(2, "stereo", ""), tracks.Track(1, "mono", "eng"))


def test_where_no_track_has_speech_all_are_named(tmp_path: Path, speech: np.ndarray) -> None:
    first, second = (
        write_channels(tmp_path / "a.wav", silent(speech), silent(speech)),
        write_channels(tmp_path / "b.wav", silent(speech)),
    )
    path = tmp_path / "film.mkv"
    ffmpeg(
        "-i",
        first,
        "-i",
        second,
        "-map",
        "0:a",
        "-map",
        "1:a",
        "-metadata:s:a:1",
        "language=eng",
        "-c",
        "copy",
        path,
    )
    found = found_in(path)
    assert len(found.speech) == 0
    assert (
        found.searched() == f"{len(speech) / RATE:.1f} s of sound, nor more in any other of 2 tracks: 1 "
        "(stereo), 2 (mono, eng)"
    )


def test_a_first_track_in_an_unknown_format_is_passed_over(tmp_path: Path, speech: np.ndarray) -> None:
    """Some telephones write one beside the usual track."""
    first, second = (
        write_channels(tmp_path / "a.wav", silent(speech)),
        write_channels(tmp_path / "b.wav", speech),
    )
    path = tmp_path / "film.mkv"
    ffmpeg("-i", first, "-i", second, "-map", "0:a", "-map", "1:a", "-c", "copy", path)
    whole = path.read_bytes()
    assert whole.count(b"A_PCM/INT/LIT") == 2
    path.write_bytes(whole.replace(b"A_PCM/INT/LIT", b"A_NEW/UNKNOWN", 1))
    assert np.array_equal(decoding.decode_audio(path), speech)
    assert all(
        np.array_equal(found, speech)
        for found in decoding.decode_audio_files([second, path], 40.0)
        if isinstance(found, np.ndarray)
    )


def late(path: Path, speech: np.ndarray) -> Path:
    """45 s of tones, then speech."""
    time = np.arange(45 * RATE) / RATE
    tones = 6000 * np.sin(2 * np.pi * 220 * time) + 6000 * np.sin(2 * np.pi * 277 * time)
    return write_channels(path, np.concatenate([tones.astype(np.int16), speech]))


def test_speech_after_a_long_introduction_is_found_by_the_stage_as_by_the_command(
    tmp_path: Path, speech: np.ndarray
) -> None:
    from deepfacegen.api.speech import read_speech

    path = late(tmp_path / "in/late.wav", speech)
    inventory = pd.DataFrame(
        [("a/v/late", "a", "v", "late.wav", "audio", 1)],
        columns=["clip_id", "voice_id", "video_id", "path", "kind", "size_bytes"],
    )
    metrics = clips.extract(CONFIG, inventory, path.parent, tmp_path / "out")
    assert metrics["kept"] == 1
    row = pd.read_parquet(tmp_path / "out/clips.parquet").iloc[0]
    kept = AudioShards(tmp_path / "out").read(row["shard"], row["offset_samples"], row["length_samples"])
    assert np.array_equal(kept, read_speech(path))
    assert len(kept) > 0.7 * len(speech)


def test_what_is_not_searched_is_said(
    tmp_path: Path, speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = late(tmp_path / "late.wav", speech)
    monkeypatch.setattr(speech_search, "LIMIT_SECONDS", 42.0)
    found = found_in(path)
    assert (found.samples, found.is_cut, len(found.speech)) == (42 * RATE, True, 0)
    assert found.searched() == "the first 42.0 s of sound; what follows was not searched"
    assert clips._speech(CONFIG, path, None)[1] == "no_speech_in_42_s"
    monkeypatch.setattr(speech_search, "LIMIT_SECONDS", 45.0 + len(speech) / RATE)  # to the very end
    assert not found_in(path).is_cut


def test_a_later_part_that_takes_too_long_leaves_what_was_heard(speech: np.ndarray) -> None:
    class Slow(speech_search.RecordingSamples):
        def sound(self, channel: tracks.TrackChannel, seconds: float) -> np.ndarray:
            if seconds > 40.0:
                raise media.MediaError("a.ts", "corrupt", "decoding took more than 120 s")
            return super().sound(channel, seconds)

    found = speech_search.search(Slow(np.concatenate([speech[:RATE], np.zeros(60 * RATE, np.int16)])), CONFIG)
    assert (found.is_cut, found.samples) == (True, 40 * RATE)


def test_messages_are_the_same_at_each_run(tmp_path: Path, speech: np.ndarray, write: dict) -> None:
    whole = bytearray(
        write["film"](
            tmp_path / "a.mp4", noise(5 * 64 * 64 * 3, 40).astype(np.uint8).reshape(5, 64, 64, 3)
        ).read_bytes()
    )
    begin = whole.find(b"mdat") + 4
    end = whole.find(b"moov") - 4
    whole[begin + 8 : end] = b"\xff" * (end - begin - 8)
    (tmp_path / "broken.mp4").write_bytes(whole)
    from deepfacegen.data.files import films

    messages = set()
    for _ in range(2):
        with pytest.raises(media.MediaError) as caught:
            films.video_frames(tmp_path / "broken.mp4", 1.0)
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert "0x" not in messages.pop()
