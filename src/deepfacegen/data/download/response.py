"""Addresses and responses: names of hosts, keys kept out of messages, what a response says of its file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError, TimeoutError
from urllib3.util import Retry, Url, parse_url

from deepfacegen.data.download.failure import FetchError

SECRET = re.compile(r"([?&](?:key|token|signature|sig)=)[^&\s\"]*", re.IGNORECASE)


def redact(text: str) -> str:
    """An address, or a message with addresses, without the keys in it."""
    return SECRET.sub(r"\1***", text)


@lru_cache(maxsize=1024)
def parse(url: str) -> Url:
    """Raises FetchError for anything but an http or https address."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        parts = Url()
    if parts.scheme not in ("http", "https") or not parts.host or parts.port == 0:
        raise FetchError("dead", f"not a web address: {redact(url)[:200]}")
    return parts


def host_of(url: str) -> str:
    """host:port, the name of a host in limits and trust. Raises FetchError for what is no web address."""
    parts = parse(url)
    return f"{str(parts.host).strip('[]').lower()}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def retry_after_seconds(text: str | None) -> float | None:
    """A Retry-After header, a number of seconds or a date; None for anything else."""
    try:
        return Retry(retry_after_max=10**9).parse_retry_after(text) if text else None
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _cause(error: Exception) -> object:
    """What urllib3 wrapped."""
    return error.args[-1] if error.args else error


def reason(error: Exception) -> str:
    """One line for people."""
    if isinstance(error, TimeoutError):
        return "timed out"
    cause = _cause(error)
    return redact(str(getattr(cause, "strerror", None) or cause or type(cause).__name__).splitlines()[0])


@dataclass(frozen=True)
class Response:
    """Status 200 or 206; the body is not read yet. `moved`: it came through a redirect.

    `length`: Content-Length, None if the server states none.
    """

    raw: HTTPResponse
    url: str
    moved: bool
    length: int | None

    @property
    def validator(self) -> str | None:
        """Identifies this version of the file: a strong ETag, else Last-Modified."""
        tag = self.raw.headers.get("ETag")
        return tag if tag and not tag.startswith("W/") else self.raw.headers.get("Last-Modified")

    @property
    def is_web_page(self) -> bool:
        kind = self.raw.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return kind in ("text/html", "application/xhtml+xml")

    def content_range(self) -> tuple[int, int]:
        """First byte and total size of a 206. Raises FetchError when it states none."""
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", self.raw.headers.get("Content-Range", "").strip())
        if not found:
            raise FetchError("failed", "a partial response without a usable Content-Range", temporary=True)
        return int(found[1]), int(found[3])

    def read(self, max_bytes: int) -> bytes:
        """What has arrived, b"" at the end. Raises FetchError when the connection breaks."""
        try:
            return self.raw.read1(max_bytes, decode_content=False)
        except HTTPError as error:
            broke = isinstance(error, TimeoutError) or isinstance(_cause(error), OSError)
            status = "failed" if broke else "truncated"
            raise FetchError(status, f"{host_of(self.url)}: {reason(error)}", temporary=True) from None
