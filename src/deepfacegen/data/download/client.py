"""One HTTP request at a time: turns, time limits, redirects, and what each way of failing is called.
Certificates are checked. Only web addresses are followed, and none that leads into a private network, unless
its host stands in download.mirrors or is the proxy that the environment names.
"""

from __future__ import annotations

import email.utils
import functools
import http.client
import ipaddress
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.pace import LONGEST_PAUSE_SECONDS, Gates

MAX_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
TEMPORARY = {408, 425, 500, 502, 504}
SECRET = re.compile(r"([?&](?:key|token|signature|sig)=)[^&]*", re.IGNORECASE)


class _UnreachableError(OSError):
    """No connection came about."""


@dataclass(frozen=True)
class Answer:
    """A response with status 200 or 206, its body not yet read. `moved`: it is not what stands at the first
    address."""

    status: int
    headers: Any
    body: http.client.HTTPResponse
    url: str
    moved: bool

    @property
    def length(self) -> int | None:
        """Content-Length; None: the server does not say."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdecimal() else None

    @property
    def validator(self) -> str | None:
        """What tells one version of the file from another: a strong ETag, else the time of its last
        change."""
        tag = self.headers.get("ETag")
        return tag if tag and not tag.startswith("W/") else self.headers.get("Last-Modified")

    @property
    def is_web_page(self) -> bool:
        return self.headers.get_content_type() in ("text/html", "application/xhtml+xml")

    def range(self) -> tuple[int, int]:
        """First byte and total size of a partial answer. Raises FetchError when it does not say."""
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", self.headers.get("Content-Range", "").strip())
        if not found:
            raise FetchError("failed", "a partial answer that does not say which part", temporary=True)
        return int(found[1]), int(found[3])


def redact(text: str) -> str:
    """An address, or a message with addresses, without the keys in it."""
    return SECRET.sub(r"\1***", text)


def host_of(url: str) -> str:
    """host:port, as gates and trust know it. Raises FetchError for what is no web address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        if not parts.hostname:
            raise ValueError
        return f"{parts.hostname.lower()}:{port}"
    except (ValueError, KeyError):
        raise FetchError("dead", f"not a web address: {redact(url)[:200]}") from None


class Client:
    """Opens addresses. `trusted`: host:port of servers that may stand in a private network."""

    def __init__(self, gates: Gates, timeout_seconds: float, trusted: frozenset[str] = frozenset()) -> None:
        self.gates = gates
        self.timeout_seconds = timeout_seconds
        proxies = urllib.request.getproxies()
        self.trusted = trusted | {
            host_of(url if "://" in url else f"http://{url}")
            for kind, url in proxies.items()
            if kind in ("http", "https") and url
        }
        self.opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(proxies),
            _Plain(self._connect),
            _Encrypted(self._connect, ssl.create_default_context()),
        ):
            self.opener.add_handler(handler)

    @contextmanager
    def open(
        self, url: str, *, part: tuple[int, int] | None = None, validator: str | None = None
    ) -> Iterator[Answer]:
        """The answer to a GET, of bytes part[0] to part[1] (included) if `part` is given and the file still
        has that validator. Raises FetchError."""
        headers = {"User-Agent": "deepfacegen", "Accept-Encoding": "identity"}
        if part is not None:
            headers["Range"] = f"bytes={part[0]}-{part[1]}"
            if validator is not None:
                headers["If-Range"] = validator
        moved = False
        for _ in range(MAX_REDIRECTS + 1):
            host = host_of(url)
            with self.gates.turn(host):
                response = self._send(url, headers, host)
                with response:
                    if response.status not in REDIRECTS:
                        self._check(response, url, host, moved)
                        yield Answer(response.status, response.headers, response, url, moved)
                        return
                    url, moved = _target(url, response), True
        raise FetchError("moved", f"more than {MAX_REDIRECTS} redirects, the last to {redact(url)[:200]}")

    def _send(self, url: str, headers: dict[str, str], host: str) -> http.client.HTTPResponse:
        if self.gates.given_up(host):
            raise FetchError("dead", f"{host}: did not answer several times in a row")
        try:
            response = self.opener.open(
                urllib.request.Request(_ascii(url), headers=headers), timeout=self.timeout_seconds
            )
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failure(error, host) from None
        self.gates.reached(host, True)
        assert isinstance(response, http.client.HTTPResponse)
        return response

    def _failure(self, error: Exception, host: str) -> FetchError:
        cause = (
            error.reason
            if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError)
            else error
        )
        if isinstance(cause, _UnreachableError):
            self.gates.reached(host, False)
            return FetchError("dead", f"{host}: {cause}", temporary=True)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchError("tls", f"{host}: {cause.verify_message}")
        if isinstance(cause, PermissionError):
            return FetchError("denied", str(cause))
        if isinstance(error, ValueError):  # http.client.InvalidURL and the like
            return FetchError("dead", f"{host}: not an address that can be asked for")
        return FetchError("failed", f"{host}: {_line(cause)}", temporary=True)

    def _connect(self, address: tuple[str, int], timeout: Any = None, source: Any = None) -> socket.socket:
        """A connection to a host whose address is public, or that is trusted. The address that is checked is
        the one that is used."""
        host, port = address
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise _UnreachableError("no such host") from None
        private = f"{host.lower()}:{port}" not in self.trusted
        last: OSError = _UnreachableError("no address")
        for family, kind, protocol, _, target in found:
            if private and not ipaddress.ip_address(str(target[0]).split("%", maxsplit=1)[0]).is_global:
                raise PermissionError(
                    f"{host}: an address in a private network, which is not in download.mirrors"
                )
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(timeout)
                connection.connect(target)
                return connection
            except OSError as error:
                connection.close()
                last = error
        raise _UnreachableError(_line(last))

    def _check(self, response: http.client.HTTPResponse, url: str, host: str, moved: bool) -> None:
        """Raises FetchError for every status but 200 and 206."""
        status = response.status
        said = f"{host} answers {status}"
        if status in (200, 206):
            if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
                raise FetchError("wrong_type", f"{host} sends an encoding that was not asked for")
            return
        if status in (429, 503):
            after = _retry_after(response.headers.get("Retry-After"))
            if after is not None and after > LONGEST_PAUSE_SECONDS:
                raise FetchError("busy", f"{said}: come back in {after:.0f} s")
            if after is not None:
                self.gates.pause(host, after)
            raise FetchError("busy", said, temporary=True, after_seconds=after)
        if status in (401, 403, 407, 451):
            raise FetchError("denied", said)
        if status == 416:
            raise FetchError("failed", f"{said}: no such part", temporary=True)
        if status in TEMPORARY or status > 504:
            raise FetchError("failed", said, temporary=True)
        raise FetchError("moved" if moved else "dead", said)


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, connect: Any) -> None:
        super().__init__()
        self.connect = connect

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_hooked, http.client.HTTPConnection, self.connect), request)


class _Encrypted(urllib.request.HTTPSHandler):
    def __init__(self, connect: Any, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self.connect, self.context = connect, context

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(
            functools.partial(_hooked, http.client.HTTPSConnection, self.connect, context=self.context),
            request,
        )


def _hooked(kind: Any, connect: Any, host: str, **more: Any) -> http.client.HTTPConnection:
    """A connection of the standard library whose socket is opened by `connect`."""
    connection = kind(host, **more)
    connection._create_connection = connect
    return connection


def _target(url: str, response: http.client.HTTPResponse) -> str:
    place = response.headers.get("Location")
    if not place:
        raise FetchError("moved", f"{host_of(url)} redirects to nowhere")
    target = urljoin(url, place)
    if urlsplit(target).scheme not in ("http", "https"):
        raise FetchError(
            "moved", f"{host_of(url)} redirects to what is no web address: {redact(target)[:200]}"
        )
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise FetchError("moved", f"{host_of(url)} redirects to an address that is not encrypted")
    return target


def _ascii(url: str) -> str:
    """Blanks and letters beyond ASCII, which old lists hold, as a browser would send them."""
    parts = urlsplit(url)
    kept = "/%:=&?~#+!$,;'@()*[]"
    return urlunsplit(
        (parts.scheme, parts.netloc, quote(parts.path, safe=kept) or "/", quote(parts.query, safe=kept), "")
    )


def _retry_after(text: str | None) -> float | None:
    """Seconds from a Retry-After, which is a number or a date; None for what is neither."""
    if not text:
        return None
    if text.strip().isascii() and text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _line(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).splitlines()[0]
