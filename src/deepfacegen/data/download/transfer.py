"""One file from one address into one partial file: in segments, several at once, going on where an earlier
attempt or process stopped.
 A server that ignores ranges gives the whole file in one stream, which has to begin anew after each break.
 Nothing here decides whether the bytes are the right ones; that is `fetch`'s check of the complete file.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deepfacegen.data.download.client import Answer, Client, host_of, redact
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.journal import Journal, Version
from deepfacegen.data.download.pace import Patience, Rate

STOPPED = "stopped"
CHUNK_BYTES = 1 << 18
CHECKPOINT_BYTES = 16 << 20  # at most so much of a segment is fetched again after a crash
SLOWEST_BYTES_PER_SECOND = 1000.0  # over twice the time limit; less is a stall, however regular the drops


@dataclass(frozen=True)
class Means:
    """What every transfer of one run shares. `stop` ends all of them, with what they have on disk."""

    client: Client
    rate: Rate
    patience: Patience
    parallel: int
    segment_bytes: int
    stop: threading.Event


@dataclass(frozen=True)
class Wanted:
    """One file. `checkable`: its hash is known, so pieces of two versions cannot pass for one file."""

    url: str
    most_bytes: int
    checkable: bool


class Transfer:
    """`partial` receives the bytes, `partial` + ".journal" tells which are there."""

    def __init__(self, means: Means, wanted: Wanted, partial: Path) -> None:
        self.means = means
        self.wanted = wanted
        self.partial = partial
        self.journal = Journal(partial.with_name(partial.name + ".journal"))
        self.stop = threading.Event()
        self.moved_to: str | None = None

    def run(self) -> None:
        """Fetch what is missing. Raises FetchError; what has come by then stays for the next time."""
        version = self.journal.version
        if version is not None and not self._may_continue(version):
            self.journal.clear()
        with open(os.open(self.partial, os.O_RDWR | os.O_CREAT, 0o644), "rb+", buffering=0) as file:
            self.file = file.fileno()
            if self.journal.version is not None and os.fstat(self.file).st_size != self.journal.version.size:
                self.journal.clear()
            if self.journal.version is None or self.journal.missing():
                self.means.patience.call(self._begin)
            missing = self.journal.missing()
            with ThreadPoolExecutor(self.means.parallel) as pool:
                futures = [pool.submit(self._segment, segment) for segment in missing]
                failures = [failure for future in futures if (failure := future.exception()) is not None]
            if failures:
                raise next((failure for failure in failures if not _stopped(failure)), failures[0])

    def discard(self) -> None:
        """Forget all that has come."""
        self.journal.clear()
        self.partial.unlink(missing_ok=True)

    def _may_continue(self, version: Version) -> bool:
        if self.wanted.checkable:
            return True
        return version.source == redact(self.wanted.url) and version.validator is not None

    def _begin(self) -> None:
        """The first request, which tells what file this is, and brings its first missing segment or all of
        it."""
        version = self.journal.version
        segment = self.journal.missing()[0] if version is not None else 0
        first, end = version.bounds(segment) if version is not None else (0, self.means.segment_bytes)
        first += self.journal.done.get(segment, 0)
        validator = (
            version.validator if version is not None and version.source == redact(self.wanted.url) else None
        )
        with self.means.client.open(self.wanted.url, part=(first, end - 1), validator=validator) as answer:
            self._look(answer)
            if answer.status == 200:
                self._whole(answer)
                return
            start, size = answer.range()
            self._check_size(size)
            found = Version(redact(self.wanted.url), size, answer.validator, self.means.segment_bytes)
            if version is None or not self._same(version, found):
                self.journal.begin(found)
                os.ftruncate(self.file, 0)
                os.ftruncate(self.file, size)
                if start != 0 or first != 0:  # a segment of the old version was asked for
                    return
            if start != first:
                raise FetchError("failed", "the server sends another part than asked for", temporary=True)
            with suppress(FetchError):  # what is still missing is left to the attempts at segments
                self._drain(answer, segment, first)

    def _same(self, version: Version, found: Version) -> bool:
        if version.size != found.size:
            return False
        return self.wanted.checkable or (found.validator is not None and found.validator == version.validator)

    def _segment(self, segment: int) -> None:
        """Fetch the rest of a segment; attempts are counted from the last one that brought anything."""
        try:
            version = self.journal.version
            assert version is not None
            first, end = version.bounds(segment)
            attempt = 0
            while (done := self.journal.done.get(segment, 0)) < end - first:
                if self.stop.is_set() or self.means.stop.is_set():
                    raise FetchError("failed", STOPPED)
                try:
                    self._part(segment, first + done, end, version)
                except FetchError as failure:
                    if self.journal.done.get(segment, 0) > done:
                        attempt = 0
                    if not failure.temporary or attempt >= self.means.patience.retries:
                        raise
                    self.means.patience.wait(attempt, failure)
                    attempt += 1
        except BaseException:
            self.stop.set()
            raise

    def _part(self, segment: int, start: int, end: int, version: Version) -> None:
        validator = version.validator if version.source == redact(self.wanted.url) else None
        with self.means.client.open(self.wanted.url, part=(start, end - 1), validator=validator) as answer:
            self._look(answer)
            if answer.status == 200:
                if answer.length == version.size and (
                    self.wanted.checkable or answer.validator == version.validator
                ):
                    raise FetchError("busy", "the server no longer sends parts", temporary=True)
                raise FetchError("failed", "the file changed while it was fetched; the next run begins anew")
            if answer.range() != (start, version.size):
                raise FetchError("failed", "the server sends another part than asked for", temporary=True)
            self._drain(answer, segment, start)

    def _look(self, answer: Answer) -> None:
        """Raises FetchError for an answer that cannot be the file."""
        if answer.moved:
            self.moved_to = host_of(answer.url)
        if answer.is_web_page:
            raise FetchError(
                "moved" if answer.moved else "wrong_type", f"{host_of(answer.url)} sends a web page"
            )

    def _check_size(self, size: int) -> None:
        if size > self.wanted.most_bytes:
            raise FetchError("too_large", f"{size} bytes, at most {self.wanted.most_bytes} were expected")

    def _drain(self, answer: Answer, segment: int, position: int) -> None:
        """Write what comes to its place until the segment is complete. Raises FetchError when it ends
        before."""
        version = self.journal.version
        assert version is not None
        first, end = version.bounds(segment)
        saved = position
        try:
            for chunk in self._chunks(answer):
                piece = chunk[: end - position]
                _write(self.file, piece, position)
                position += len(piece)
                if position - saved >= CHECKPOINT_BYTES and position < end:
                    os.fdatasync(self.file)
                    self.journal.add(segment, position - first)
                    saved = position
                if position >= end:
                    break
        finally:
            if position > saved or position == end:
                os.fdatasync(self.file)
                self.journal.add(segment, position - first)
        if position < end:
            raise FetchError(
                "truncated", f"the connection ended {end - position} bytes early", temporary=True
            )

    def _whole(self, answer: Answer) -> None:
        """A server without ranges: everything in one stream."""
        length = answer.length
        self._check_size(length or 0)
        self.journal.clear()
        os.ftruncate(self.file, 0)
        position = 0
        for chunk in self._chunks(answer):
            self._check_size(position + len(chunk))
            _write(self.file, chunk, position)
            position += len(chunk)
        if length is not None and position != length:
            raise FetchError("truncated", f"{position} of {length} bytes came", temporary=True)
        if (
            length is None
            and answer.headers.get("Transfer-Encoding", "").lower() != "chunked"
            and not self.wanted.checkable
        ):
            raise FetchError(
                "truncated", "the server does not say how long the file is, and no checksum is known"
            )
        os.fdatasync(self.file)
        self.journal.begin(Version(redact(self.wanted.url), position, answer.validator, max(position, 1)))
        self.journal.add(0, position)

    def _chunks(self, answer: Answer) -> Iterator[bytes]:
        """Bytes as they come, no faster than the rate. Raises FetchError when they come too slowly or the
        connection breaks."""
        began, count, limit = time.monotonic(), 0, 2 * self.means.client.timeout_seconds
        waited = 0.0
        while True:
            if self.stop.is_set() or self.means.stop.is_set():
                raise FetchError("failed", STOPPED)
            try:
                chunk = answer.body.read1(self.means.rate.chunk_bytes(CHUNK_BYTES))
            except (OSError, ValueError) as error:
                raise FetchError(
                    "failed", f"{host_of(answer.url)}: {error or type(error).__name__}", temporary=True
                ) from None
            except Exception as error:  # http.client.IncompleteRead and the like
                raise FetchError(
                    "truncated", f"{host_of(answer.url)}: {type(error).__name__}", temporary=True
                ) from None
            if not chunk:
                return
            yield chunk
            count += len(chunk)
            before = time.monotonic()
            self.means.rate.take(len(chunk))
            waited += time.monotonic() - before
            seconds = time.monotonic() - began - waited
            if seconds > limit and count < SLOWEST_BYTES_PER_SECOND * seconds:
                raise FetchError("failed", f"{host_of(answer.url)}: stalls", temporary=True)


def _write(file: int, piece: bytes, position: int) -> None:
    view = memoryview(piece)
    while view:
        written = os.pwrite(file, view, position)
        view, position = view[written:], position + written


def _stopped(failure: BaseException) -> bool:
    return isinstance(failure, FetchError) and failure.detail == STOPPED
