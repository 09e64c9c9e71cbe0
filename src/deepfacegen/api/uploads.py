"""Sound files from untrusted senders, decoded in a process of its own with limited time and memory.

Checks that need no decoding (empty, too large, a list of other files) come first. Everything else happens in
`uploads_decoder`: neither ffmpeg nor libav reads an untrusted byte inside the server.
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
from deepfacegen.api.speech import speech_in
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
# How lists of other files begin. The decoder refuses them anyway; this is for a clear message.
PLAYLIST = re.compile(
    rb"(#EXTM3U|ffconcat\b|\[playlist\]|\[Reference\]|<asx\b|<smil\b|<playlist\b|<MPD\b|<\?xml\b"
    rb"|v=0\r?\no=)",
    re.IGNORECASE,
)
# The environment variables that the decoder gets: where programs are, nothing secret.
ENVIRONMENT = ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV", "IMAGEIO_FFMPEG_EXE", "SYSTEMROOT")


@dataclass(frozen=True)
class Limits:
    """How much one upload may cost. Time counts from the start of the decoder; memory is the address space of
    each of its processes."""

    max_bytes: int = 32 * MEBIBYTE
    max_seconds: float = 600.0
    timeout_seconds: float = 60.0
    memory_bytes: int = 1024 * MEBIBYTE


DEFAULT = Limits()


def checked(source: str | Path | bytes, limits: Limits = DEFAULT, name: str | None = None) -> np.ndarray:
    """The speech in an upload: int16 [T], 16 kHz mono, silence removed, cut like the training clips.

    `source` is a file's path or its bytes. `name` is the sender's name for it, used in messages only. Raises
    UserError, one line: empty, too large, too long, a playlist, no sound, damaged, too costly to decode, too
    little speech.
    """
    label = _label(source, name)
    with _on_disk(source, limits, label) as path:
        return speech_in(_Upload(path, limits, label, time.monotonic() + limits.timeout_seconds), label)


def decoded(source: str | Path | bytes, limits: Limits = DEFAULT, name: str | None = None) -> np.ndarray:
    """All the sound in an upload, with its silences: int16 [T], 16 kHz mono. Raises UserError as `checked`
    does, except for too little speech."""
    label = _label(source, name)
    with _on_disk(source, limits, label) as path:
        return _all_sound(path, limits, label)


@dataclass
class _Upload:
    """An upload as `speech_search.Recording`, decoded in other processes, until the clock says `until`."""

    path: Path
    limits: Limits
    label: str
    until: float
    usual: np.ndarray | None = None

    def sound(self, channel: tracks.TrackChannel, seconds: float) -> np.ndarray:
        if channel == tracks.DEFAULT_CHANNEL:
            self.usual = _all_sound(self.path, self.limits, self.label) if self.usual is None else self.usual
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
        return _decode(self.path, replace(self.limits, timeout_seconds=max(left, 0.0)), self.label, wanted)


@contextlib.contextmanager
def _on_disk(source: str | Path | bytes, limits: Limits, label: str) -> Iterator[Path]:
    """The file of an upload. Raises UserError if it is missing, empty, too large or a playlist."""
    if isinstance(source, bytes):
        _permitted(len(source), source[:4096], limits, label)
        with tempfile.TemporaryDirectory(prefix="deepfacegen-") as folder:
            path = Path(folder) / "upload"
            path.write_bytes(source)
            yield path
    else:
        path = Path(source)
        if not path.is_file():
            raise UserError(f"{label}: no such file")
        with path.open("rb") as stream:
            _permitted(os.fstat(stream.fileno()).st_size, stream.read(4096), limits, label)
        yield path.resolve()


def _all_sound(path: Path, limits: Limits, label: str) -> np.ndarray:
    sound = _samples(_decode(path, limits, label))
    if len(sound) > limits.max_seconds * SAMPLE_RATE_HZ:
        most = limits.max_seconds
        limit = f"{most / 60:g} minutes" if most >= 120 else f"{most:g} seconds"
        raise UserError(f"{label}: lasts longer than {limit}; cut out a part in which one person speaks")
    return sound


def _samples(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)


def _label(source: str | Path | bytes, name: str | None) -> str:
    """The last part of a file's name, printable and not too long."""
    given = name if name is not None else "" if isinstance(source, bytes) else str(source)
    last = PurePosixPath(given.replace("\\", "/")).name
    clean = "".join(letter for letter in last if letter.isprintable()).strip()
    if len(clean) > LONGEST_NAME:
        return f"{clean[: LONGEST_NAME - 12]}...{clean[-9:]}"
    return clean or "the recording"


def _permitted(size_bytes: int, head: bytes, limits: Limits, label: str) -> None:
    if size_bytes == 0:
        raise UserError(f"{label}: the file is empty")
    if size_bytes > limits.max_bytes:
        size, most = size_bytes / MEBIBYTE, limits.max_bytes / MEBIBYTE
        raise UserError(f"{label}: {size:.1f} MiB are more than the limit of {most:g} MiB; send less")
    if PLAYLIST.match(head.removeprefix(b"\xef\xbb\xbf").lstrip()):
        raise UserError(f"{label}: is a list of files, not sound; {USUAL}")
    if kinds.sniff(head) == "photo":
        raise UserError(f"{label}: is a picture, not sound; {USUAL}")


def _decode(path: Path, limits: Limits, label: str, wanted: str = "") -> bytes:
    """The decoder's output: int16 [T] of a view, a second more than permitted at most, or other views."""
    # -P: no module is imported from the current folder.
    command = [sys.executable, "-P", "-m", "deepfacegen.api.uploads_decoder", str(path)]
    bounds = (limits.max_seconds + 1.0, limits.timeout_seconds, limits.memory_bytes)
    command += [*map(str, bounds), *([wanted] if wanted else [])]
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
            data, errors = process.communicate(timeout=limits.timeout_seconds)
        except subprocess.TimeoutExpired:
            took = f"decoding took more than {limits.timeout_seconds:g} s"
            raise UserError(f"{label}: {took}; send a shorter or simpler file") from None
        finally:
            _end(process)
    if process.returncode != 0:
        reason = errors.decode("ascii", "replace").strip() if process.returncode == FAILED else "corrupt"
        raise UserError(f"{label}: {EXPLAINED.get(reason, EXPLAINED['corrupt'])}")
    return data


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the decoder's process group, unless it ended well by itself."""
    if process.returncode != 0:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
