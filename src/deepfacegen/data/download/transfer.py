"""One file from one address into one partial file: in segments, several at once, resumed after a break.

A server that ignores ranges sends the whole file in one stream, which starts over after each break. The
complete file is checked elsewhere (`item`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deepfacegen.data.download.client import STOPPED, Client
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.journal import Journal, Version
from deepfacegen.data.download.pace import RetryPolicy
from deepfacegen.data.download.response import Response, host_of, redact

CHUNK_BYTES = 1 << 18
CHECKPOINT_BYTES = 16 << 20  # at most this much of a segment is fetched again after a crash
MIN_BYTES_PER_SECOND = 1000.0  # over twice the time-out; a slower body counts as stalled


@dataclass(frozen=True)
class TransferContext:
    """What all transfers of one run share. Its client's `stop` ends them; what is on disk stays."""

    client: Client
    retry: RetryPolicy
    parallel: int
    segment_bytes: int


@dataclass(frozen=True)
class Source:
    """Where a file comes from. `checkable`: its checksum is known, so a mix of two versions is noticed."""

    url: str
    max_bytes: int
    checkable: bool

    @property
    def name(self) -> str:
        """The address without a key in it."""
        return redact(self.url)


class Transfer:
    """`partial` receives the bytes, `partial` + ".journal" records which are there."""

    def __init__(self, context: TransferContext, source: Source, partial: Path) -> None:
        self.context = context
        self.source = source
        self.partial = partial
        self.journal = Journal.of(partial)
        self.stop = threading.Event()
        self.moved_to: str | None = None

    def run(self) -> None:
        """Fetch what is missing. Raises FetchError; what has arrived by then stays for the next run."""
        journal, retry = self.journal, self.context.retry
        self.partial.touch()
        with self.partial.open("rb+", buffering=0) as file:
            self.file = file.fileno()
            version = journal.version
            if version is not None and not (
                os.fstat(self.file).st_size == version.size
                and (self.source.checkable or (version.source == self.source.name and version.validator))
            ):
                journal.clear()
            segments = [0] if journal.version is None else journal.missing()
            if segments:
                retry.call(lambda: self._fetch(segments[0], first_request=True), journal.bytes_done)
            with ThreadPoolExecutor(self.context.parallel) as pool:
                futures = [pool.submit(self._segment, segment) for segment in journal.missing()]
                failures = [failure for future in futures if (failure := future.exception()) is not None]
        if failures:
            raise next((each for each in failures if getattr(each, "detail", "") != STOPPED), failures[0])

    def discard(self) -> None:
        """Delete what has arrived."""
        self.journal.clear()
        self.partial.unlink(missing_ok=True)

    def _segment(self, segment: int) -> None:
        """Attempts count anew whenever one has brought bytes."""
        try:
            self.context.retry.call(lambda: self._fetch(segment), lambda: self.journal.done.get(segment, 0))
        except BaseException:
            self.stop.set()
            raise

    def _fetch(self, segment: int, first_request: bool = False) -> None:
        """Fetch the rest of a segment, or all of the file if the server has no ranges.

        The first request of a run identifies the file; later ones fail if it has changed.
        """
        version = self.journal.version
        first, end = version.bounds(segment) if version is not None else (0, self.context.segment_bytes)
        first += self.journal.done.get(segment, 0)
        with self._open(first, end) as response:
            if response.raw.status == 200 and first_request:
                self._whole(response)
                return
            if response.raw.status == 200:
                assert version is not None
                unchanged = self.source.checkable or response.validator == version.validator
                if response.length == version.size and unchanged:
                    raise FetchError("busy", "the server no longer sends ranges", temporary=True)
                raise FetchError("failed", "the file changed; the next run starts over")
            start, size = response.content_range()
            if version is None or (first_request and not self._is_same(version, size, response.validator)):
                self._check_size(size)
                version = Version(self.source.name, size, response.validator, self.context.segment_bytes)
                self.journal.begin(version)
                os.ftruncate(self.file, 0)
                os.ftruncate(self.file, size)
                if first != 0:  # the request was for a segment of the old version
                    return
            if (start, size) != (first, version.size):
                raise FetchError("failed", "the server sent another range than requested", temporary=True)
            self._save(response, segment, first)

    def _is_same(self, version: Version, size: int, validator: str | None) -> bool:
        unchanged = validator is not None and validator == version.validator
        return version.size == size and (self.source.checkable or unchanged)

    @contextmanager
    def _open(self, first: int, end: int) -> Iterator[Response]:
        """A request for bytes first to end. Raises FetchError for a response that cannot be the file."""
        version = self.journal.version
        validator = version.validator if version is not None and version.source == self.source.name else None
        self._check_stop()
        url, part = self.source.url, (first, end - 1)
        with self.context.client.open(url, part=part, validator=validator) as response:
            if response.moved:
                self.moved_to = host_of(response.url)
            if response.is_web_page:
                status = "moved" if response.moved else "wrong_type"
                raise FetchError(status, f"{host_of(response.url)}: sent a web page")
            yield response

    def _check_size(self, size: int) -> None:
        if size > self.source.max_bytes:
            raise FetchError("too_large", f"{size} bytes, expected at most {self.source.max_bytes}")

    def _check_stop(self) -> None:
        if self.stop.is_set() or self.context.client.stop.is_set():
            raise FetchError("failed", STOPPED)

    def _save(self, response: Response, segment: int, position: int) -> None:
        """Write the body to its place until the segment is complete. Raises FetchError if it ends early."""
        version = self.journal.version
        assert version is not None
        first, end = version.bounds(segment)
        saved = position
        try:
            for chunk in self._chunks(response):
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

    def _whole(self, response: Response) -> None:
        """A server without ranges: everything in one stream."""
        length = response.length
        self._check_size(length or 0)
        self.journal.clear()
        os.ftruncate(self.file, 0)
        position = 0
        for chunk in self._chunks(response):
            self._check_size(position + len(chunk))
            _write(self.file, chunk, position)
            position += len(chunk)
        if length is not None and position != length:
            raise FetchError("truncated", f"received {position} of {length} bytes", temporary=True)
        if length is None and not response.raw.chunked and not self.source.checkable:
            raise FetchError("truncated", "the server states no length, and no checksum is known")
        os.fdatasync(self.file)
        self.journal.begin(Version(self.source.name, position, response.validator, max(position, 1)))
        self.journal.add(0, position)

    def _chunks(self, response: Response) -> Iterator[bytes]:
        """The body at the client's rate. Raises FetchError when it stalls or the connection breaks."""
        client = self.context.client
        began, count, slept = time.monotonic(), 0, 0.0
        while True:
            self._check_stop()
            chunk = response.read(client.rate.chunk_bytes(CHUNK_BYTES))
            if not chunk:
                return
            yield chunk
            count += len(chunk)
            before = time.monotonic()
            client.rate.take(len(chunk))
            slept += time.monotonic() - before
            seconds = time.monotonic() - began - slept
            if seconds > 2 * client.timeout_seconds and count < MIN_BYTES_PER_SECOND * seconds:
                raise FetchError("failed", f"{host_of(response.url)}: stalled", temporary=True)


def _write(file: int, piece: bytes, position: int) -> None:
    view = memoryview(piece)
    while view:
        written = os.pwrite(file, view, position)
        view, position = view[written:], position + written
