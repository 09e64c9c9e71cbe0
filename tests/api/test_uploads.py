"""Foreign sound, with the real ffmpeg: good files give their speech; every bad one gives a line that says
why, and costs little."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.api import uploads
from deepfacegen.api.speech import read_speech
from deepfacegen.api.uploads import Limits, checked, decoded
from deepfacegen.data.files import media
from deepfacegen.errors import UserError
from tests.shared.sounds import RATE_HZ, convert, write_wav

SECRET = "a word that no decoder needs"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a shell script in ffmpeg's place for the decoder; what it prints are the samples."""

    def put(script: str) -> None:
        path = tmp_path / "bin" / "ffmpeg"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")

    return put


def said_of(source: Path | bytes, limits: Limits = uploads.DEFAULT, name: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        checked(source, limits, name)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "as_bytes"), [("wav", False), ("wav", True), ("m4a", False), ("webm", True)]
)
def test_speech_comes_as_from_a_file_of_our_own(
    speech: Path, tmp_path: Path, suffix: str, as_bytes: bool
) -> None:
    path = convert(speech, tmp_path / f"sent.{suffix}")
    expected = read_speech(path)
    found = checked(path.read_bytes() if as_bytes else path)
    assert found.dtype == np.int16
    assert len(found) > 2 * RATE_HZ
    assert np.array_equal(found, expected)


def test_decoded_keeps_the_silences(said: np.ndarray, tmp_path: Path) -> None:
    padded = np.concatenate([np.zeros(3 * RATE_HZ, np.int16), said])
    path = write_wav(tmp_path / "late.wav", padded)
    assert np.array_equal(decoded(path), padded)
    assert len(checked(path)) < len(padded) - 2 * RATE_HZ


def test_silence(tmp_path: Path) -> None:
    result = said_of(write_wav(tmp_path / "quiet.wav", np.zeros(3 * RATE_HZ, np.int16)))
    assert result == "quiet.wav: 0.0 s of speech in 3.0 s of sound; at least 1.5 s are needed"


def test_a_file_without_a_byte(tmp_path: Path) -> None:
    (tmp_path / "none.wav").touch()
    assert said_of(tmp_path / "none.wav") == "none.wav: the file is empty"
    assert said_of(b"", name="none.wav") == "none.wav: the file is empty"


@pytest.mark.parametrize(
    "content", [b"Dear all,\nplease find attached\n" * 40, bytes(range(256)) * 40, b"RIFF", b"\0"]
)
def test_what_is_no_sound_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "letter.wav").write_bytes(content)
    assert "letter.wav: cannot be read as sound; send" in said_of(tmp_path / "letter.wav")


def test_two_hours(tmp_path: Path) -> None:
    """In few bytes: only decoding shows how long it is."""
    path = tmp_path / "long.flac"
    media.ffmpeg.input("anullsrc=r=8000:cl=mono", f="lavfi", t=7200).output(str(path), loglevel="error").run(
        cmd=media.ffmpeg_path()
    )
    assert path.stat().st_size < uploads.DEFAULT.max_bytes
    assert (
        said_of(path) == "long.flac: lasts longer than 10 minutes; cut out a part in which one person speaks"
    )


def test_the_longest_permitted_file_is_taken_and_a_longer_one_is_not(
    said: np.ndarray, tmp_path: Path
) -> None:
    limits = Limits(max_seconds=3.0)
    assert len(decoded(write_wav(tmp_path / "a.wav", said[: 3 * RATE_HZ]), limits)) == 3 * RATE_HZ
    assert "lasts longer than 3 seconds" in said_of(
        write_wav(tmp_path / "b.wav", said[: 3 * RATE_HZ + 1]), limits
    )


def test_too_large(speech: Path) -> None:
    size = speech.stat().st_size
    limits = Limits(max_bytes=size - 1)
    assert "speech.wav: " in said_of(speech, limits)
    assert "send less" in said_of(speech.read_bytes(), limits)
    assert len(checked(speech, Limits(max_bytes=size)))


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{secret}\n#EXT-X-ENDLIST\n",
    "hls after a mark": "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{secret}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{secret}'\n",
    "dash": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period>"
    "<AdaptationSet mimeType='audio/wav'><Representation id='1'><BaseURL>{secret}</BaseURL>"
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "pls": "[playlist]\nFile1={secret}\nNumberOfEntries=1\n",
}


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_files_are_refused_and_said_to_be_lists(speech: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "list.wav"
    path.write_text(LISTS[kind].format(secret=speech), encoding="utf-8")
    assert "is a list of files, not sound" in said_of(path)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [(kind, "wav") for kind in LISTS]
    + [("hls", "m3u8"), ("concat", "ffconcat"), ("dash", "mpd"), ("sdp", "sdp"), ("pls", "pls")],
)
def test_the_decoder_itself_follows_no_list(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    """Not only because of how it begins."""
    monkeypatch.setattr(uploads, "PLAYLIST", re.compile(rb"(?!)"))
    path = tmp_path / f"list.{suffix}"
    path.write_text(LISTS[kind].format(secret=speech), encoding="utf-8")
    assert "cannot be read as sound" in said_of(path)


def test_video_without_sound(tmp_path: Path) -> None:
    film = tmp_path / "mute.mp4"
    media.ffmpeg.input("testsrc=d=1:s=64x64", f="lavfi").output(str(film), loglevel="error").run(
        cmd=media.ffmpeg_path()
    )
    assert "mute.mp4: is a video without sound" in said_of(film)


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_damaged_file_says_so_or_gives_what_is_left(speech: Path, tmp_path: Path, kept: float) -> None:
    whole = convert(speech, tmp_path / "whole.m4a").read_bytes()  # its index stands at the end
    assert "cannot be read as sound" in said_of(whole[: round(kept * len(whole))], name="half.m4a")
    stream = convert(speech, tmp_path / "whole.mp3").read_bytes()
    assert len(checked(stream[: round(0.9 * len(stream))])) > RATE_HZ


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert said_of(tmp_path / "nowhere.wav") == "nowhere.wav: no such file"
    assert "no such file" in said_of(tmp_path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\boot.ini", "concat:a|b", ""])
def test_what_the_sender_calls_it_opens_nothing(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "held"))
    monkeypatch.setattr(uploads.tempfile, "tempdir", None)
    (tmp_path / "held").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert len(checked(speech.read_bytes(), name=name)) > RATE_HZ
    assert sorted(tmp_path.rglob("*")) == before


@given(st.text(max_size=300))
def test_a_name_is_shown_as_one_short_part_without_a_path(name: str) -> None:
    result = said_of(b"", name=name).removesuffix(": the file is empty")
    assert 0 < len(result) <= uploads.LONGEST_NAME
    assert "/" not in result
    assert "\\" not in result
    assert result.isprintable()


def test_decoding_that_takes_too_long_is_given_up(speech: Path) -> None:
    assert "decoding took more than 0.001 s; send a shorter or simpler file" in said_of(
        speech, Limits(timeout_seconds=0.001)
    )


def test_a_decoder_is_ended_with_all_it_started(
    speech: Path, tmp_path: Path, stand_in, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in and its child leave files named by their ids, which are all they can leave; then the time
    is said to be over."""
    mark = tmp_path / "ids"
    mark.mkdir()
    stand_in(f": > {mark}/$$\nsh -c ': > {mark}/$$; exec sleep 300' &\nwait")

    def patient(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, bytes]:
        wait_for(lambda: len(list(mark.iterdir())) == 2)
        raise subprocess.TimeoutExpired("decoder", timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", patient)
    assert "decoding took more than" in said_of(speech)
    for path in mark.iterdir():
        wait_for(lambda number=int(path.name): not running(number))


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def running(number: int) -> bool:
    """Whether a process does more than wait to be collected by whoever inherits it."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def printed_by(script: str, speech: Path, stand_in, limits: Limits = uploads.DEFAULT) -> str:
    stand_in(script)
    return decoded(speech, limits).tobytes().decode().strip()


def test_memory_is_bounded(speech: Path, stand_in) -> None:
    assert printed_by("ulimit -v; echo", speech, stand_in, Limits(memory_bytes=700 * 2**20)) == str(
        700 * 1024
    )


def test_computing_time_is_bounded(speech: Path, stand_in) -> None:
    assert printed_by("ulimit -t; echo", speech, stand_in, Limits(timeout_seconds=7)) == "8"


def test_no_file_can_be_written(speech: Path, tmp_path: Path, stand_in) -> None:
    printed_by(f"(trap '' XFSZ; echo much > {tmp_path}/left); echo done", speech, stand_in)
    assert (tmp_path / "left").stat().st_size == 0


def test_the_decoder_learns_no_secret(speech: Path, stand_in, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACEGEN_PASSWORD", SECRET)
    result = printed_by("env; echo", speech, stand_in)
    assert "PATH=" in result
    assert SECRET not in result


def test_a_module_in_the_folder_we_are_in_is_not_run(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)")
    (tmp_path / "resource.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert len(checked(speech))
