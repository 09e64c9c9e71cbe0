"""Sound from people we do not know: decoded in a process of its own that may take little time and memory, and
open nothing but this file.
 What can be asked of a foreign file without decoding it (is it empty, too large, a list of other files?) is
 asked first. All else happens in `uploads_decoder`: neither ffmpeg nor libav reads a foreign byte inside the
 server.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

import deepfacegen
from deepfacegen.api.predictor import speech_in
from deepfacegen.api.uploads_decoder import ALTERNATIVES, FAILED, channel_word, read_alternatives
from deepfacegen.data.audio import tracks
from deepfacegen.data.files import kinds
from deepfacegen.data.files.media import SAMPLE_RATE_HZ, MediaError
from deepfacegen.errors import UserError

MEBIBYTE = 2**20
LONGEST_NAME = 60
USUAL = "send a sound or video file: wav, mp3, m4a, ogg, flac, webm or mp4"
EXPLAINED = {
    "corrupt": f"cannot be read as sound; {USUAL}",
    "no_audio": "is a video without sound; send one with sound",
}
# How lists of other files begin. The decoder knows none of them, whatever they are named; this is for a clear
# word.
PLAYLIST = re.compile(
    rb"(#EXTM3U|ffconcat\b|\[playlist\]|\[Reference\]|<asx\b|<smil\b|<playlist\b|<MPD\b|<\?xml\b|v=0\r?\no=)",
    re.IGNORECASE,
)
# What of the environment the decoder is given: where programs are, nothing secret.
ENVIRONMENT = ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV", "IMAGEIO_FFMPEG_EXE", "SYSTEMROOT")


@dataclass(frozen=True)
class Limits:
    """How much one upload may cost. The time begins when the decoder is started; the memory is that of each
    of its processes (address space)."""

    max_bytes: int = 32 * MEBIBYTE
    max_seconds: float = 600.0
    timeout_seconds: float = 60.0
    memory_bytes: int = 1024 * MEBIBYTE


DEFAULT = Limits()


def checked(source: str | Path | bytes, limits: Limits = DEFAULT, name: str | None = None) -> np.ndarray:
    """The speech in an upload, ready to draw from: int16 [T], 16 kHz mono, silence removed, cut like the
    training clips.

    `source` is a file's path, or what is in it. `name` is what the sender calls it; it is shown in messages
    and opens nothing.
    Raises UserError, one line: empty, too large, too long, a playlist, no sound, damaged, too costly to
    decode, no speech.
    """
    shown = _shown(source, name)
    with _on_disk(source, limits, shown) as path:
        sent = _Sent(path, limits, shown, time.monotonic() + limits.timeout_seconds)
        return speech_in(sent, shown)


def decoded(source: str | Path | bytes, limits: Limits = DEFAULT, name: str | None = None) -> np.ndarray:
    """All the sound in an upload, with its silences: int16 [T], 16 kHz mono. Raises UserError as `checked`
    does, but not for want of speech."""
    shown = _shown(source, name)
    with _on_disk(source, limits, shown) as path:
        return _all_sound(path, limits, shown)


@dataclass
class _Sent:
    """An upload as audio.speech_search takes it: nothing of it is decoded in this process, and all of it before
    the clock says `until`."""

    path: Path
    limits: Limits
    shown: str
    until: float
    usual: np.ndarray | None = None

    def sound(self, channel: tracks.TrackChannel, seconds: float) -> np.ndarray:
        if channel == tracks.DEFAULT_CHANNEL:
            self.usual = _all_sound(self.path, self.limits, self.shown) if self.usual is None else self.usual
            return self.usual[: round(seconds * SAMPLE_RATE_HZ)]
        try:
            found = _samples(self._more(channel_word(channel)))
        except UserError as error:
            raise MediaError(self.path, "corrupt", str(error)) from None
        return found[: round(min(seconds, self.limits.max_seconds) * SAMPLE_RATE_HZ)]

    def alternatives(self) -> tracks.Alternatives:
        try:
            return read_alternatives(self._more(ALTERNATIVES))
        except UserError:
            return tracks.Alternatives()

    def _more(self, wanted: str) -> bytes:
        left = self.until - time.monotonic()
        return _decode(self.path, replace(self.limits, timeout_seconds=max(left, 0.0)), self.shown, wanted)


@contextlib.contextmanager
def _on_disk(source: str | Path | bytes, limits: Limits, shown: str) -> Iterator[Path]:
    """Where an upload lies that may be decoded. Raises UserError: no such file, empty, too large, a
    playlist."""
    if isinstance(source, bytes):
        _permitted(len(source), source[:4096], limits, shown)
        with tempfile.TemporaryDirectory(prefix="deepfacegen-") as folder:
            path = Path(folder) / "upload"
            path.write_bytes(source)
            yield path
    else:
        path = Path(source)
        if not path.is_file():
            raise UserError(f"{shown}: no such file")
        with path.open("rb") as stream:
            _permitted(os.fstat(stream.fileno()).st_size, stream.read(4096), limits, shown)
        yield path.resolve()


def _all_sound(path: Path, limits: Limits, shown: str) -> np.ndarray:
    sound = _samples(_decode(path, limits, shown))
    if len(sound) > limits.max_seconds * SAMPLE_RATE_HZ:
        raise UserError(
            f"{shown}: lasts longer than {_spoken(limits.max_seconds)}; cut out a part in which one person speaks"
        )
    return sound


def _samples(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)


def _shown(source: str | Path | bytes, name: str | None) -> str:
    """The last part of a file's name, without what could not be printed, cut to a fair length."""
    given = name if name is not None else "the recording" if isinstance(source, bytes) else str(source)
    last = PurePosixPath(given.replace("\\", "/")).name
    clean = "".join(letter for letter in last if letter.isprintable()).strip()
    return (
        clean
        if 0 < len(clean) <= LONGEST_NAME
        else f"{clean[: LONGEST_NAME - 12]}...{clean[-9:]}"
        if clean
        else "the recording"
    )


def _spoken(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"


def _permitted(size_bytes: int, head: bytes, limits: Limits, shown: str) -> None:
    if size_bytes == 0:
        raise UserError(f"{shown}: the file is empty")
    if size_bytes > limits.max_bytes:
        raise UserError(
            f"{shown}: {size_bytes / MEBIBYTE:.1f} MiB are more than the {limits.max_bytes / MEBIBYTE:g} MiB that are taken; send less"
        )
    if PLAYLIST.match(head.removeprefix(b"\xef\xbb\xbf").lstrip()):
        raise UserError(f"{shown}: is a list of files, not sound; {USUAL}")
    if kinds.sniff(head) == "photo":
        raise UserError(f"{shown}: is a picture, not sound; {USUAL}")


def _decode(path: Path, limits: Limits, shown: str, wanted: str = "") -> bytes:
    """What the decoder writes: int16 [T], a second more than is permitted at most, of a view; or what other
    views there are."""
    # -P: no module is taken from the folder we happen to be in.
    command = [sys.executable, "-P", "-m", "deepfacegen.api.uploads_decoder", str(path)]
    command += [
        str(value) for value in (limits.max_seconds + 1.0, limits.timeout_seconds, limits.memory_bytes)
    ]
    command += [wanted] if wanted else []
    given = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    paths = [str(Path(deepfacegen.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    given |= {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    with subprocess.Popen(
        command,
        env=given,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            data, told = process.communicate(timeout=limits.timeout_seconds)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"{shown}: decoding took more than {limits.timeout_seconds:g} s; send a shorter or simpler file"
            ) from None
        finally:
            _end(process)
    if process.returncode != 0:
        reason = told.decode("ascii", "replace").strip() if process.returncode == FAILED else "corrupt"
        raise UserError(f"{shown}: {EXPLAINED.get(reason, EXPLAINED['corrupt'])}")
    return data


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the decoder and every process that it started, which are a group of their own, unless it came to a
    good end by itself."""
    if process.returncode != 0:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
