"""GET requests through urllib3: limits, time-outs, redirects, and a status word for each kind of failure.

Certificates are checked. Only http and https addresses are followed, and none into a private network, unless
download.mirrors names its host or it is the proxy that the environment names.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urljoin

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.util import connection, make_headers

from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.pace import ConnectionLimits, RateLimit
from deepfacegen.data.download.response import Response, host_of, parse, reason, redact, retry_after_seconds
from deepfacegen.errors import UserError

MAX_REDIRECTS = 5
MAX_PAUSE_SECONDS = 900.0  # of a Retry-After; a longer one ends the attempts
STOPPED = "stopped"
REDIRECTS = {301, 302, 303, 307, 308}
TEMPORARY = {408, 416, 425, 500, 502, 504}


def _redact_record(record: logging.LogRecord) -> bool:
    record.msg, record.args = redact(record.getMessage()), None
    return True


logging.getLogger("urllib3.connectionpool").addFilter(_redact_record)  # it logs addresses


@dataclass
class Client:
    """Shared by all threads. `trusted`: host:port of servers that may be in a private network."""

    limits: ConnectionLimits
    rate: RateLimit
    timeout_seconds: float
    stop: threading.Event
    trusted: frozenset[str] = frozenset()
    managers: dict[str, urllib3.PoolManager] = field(init=False)

    def __post_init__(self) -> None:
        options: dict[str, Any] = {"timeout": self.timeout_seconds, "retries": False}
        options |= {"maxsize": self.limits.total, "ssl_context": ssl.create_default_context()}
        self.managers = {"direct": urllib3.PoolManager(**options)}
        for scheme, address in urllib.request.getproxies().items():
            if scheme not in ("http", "https") or not address:
                continue
            url = address if "://" in address else f"http://{address}"
            try:
                auth = parse(url).auth
            except FetchError:
                raise UserError(f"{scheme}_proxy in the environment: not the address of a proxy") from None
            self.trusted |= {host_of(url)}
            headers = make_headers(proxy_basic_auth=unquote(auth)) if auth else None
            self.managers[scheme] = urllib3.ProxyManager(url, proxy_headers=headers, **options)
        for manager in self.managers.values():
            manager.pool_classes_by_scheme = {
                "http": self._checked(urllib3.HTTPConnectionPool),
                "https": self._checked(urllib3.HTTPSConnectionPool),
            }

    def _checked(self, pool: type[urllib3.HTTPConnectionPool]) -> type[urllib3.HTTPConnectionPool]:
        """The pool class with connections that `_connect` opens."""

        def connect(to: HTTPConnection) -> socket.socket:
            return self._connect(to)

        checked = type("Connection", (pool.ConnectionCls,), {"_new_conn": connect})
        return type("Pool", (pool,), {"ConnectionCls": checked})

    @contextmanager
    def open(
        self, url: str, *, part: tuple[int, int] | None = None, validator: str | None = None
    ) -> Iterator[Response]:
        """The response, of bytes part[0] to part[1] (inclusive) if the file still has that validator.

        Raises FetchError.
        """
        headers = {"User-Agent": "deepfacegen", "Accept-Encoding": "identity"}
        if part is not None:
            headers["Range"] = f"bytes={part[0]}-{part[1]}"
            if validator is not None:
                headers["If-Range"] = validator
        moved = False
        for _ in range(MAX_REDIRECTS + 1):
            host = host_of(url)
            with self.limits.slot(host), self._send(url, headers, host) as raw:
                if raw.status not in REDIRECTS:
                    self._check_status(raw, host, moved)
                    yield Response(raw, url, moved, raw.length_remaining)
                    return
                url, moved = _redirect_target(url, raw), True
        raise FetchError("moved", f"more than {MAX_REDIRECTS} redirects, the last to {redact(url)[:200]}")

    def _send(self, url: str, headers: dict[str, str], host: str) -> urllib3.HTTPResponse:
        if self.stop.is_set():
            raise FetchError("failed", STOPPED)
        if self.limits.is_given_up(host):
            raise FetchError("dead", f"{host}: several connections in a row failed")
        parts = parse(url)
        bypass = urllib.request.proxy_bypass(str(parts.host))
        manager = self.managers.get("direct" if bypass else str(parts.scheme), self.managers["direct"])
        options: dict[str, Any] = {"preload_content": False, "enforce_content_length": False}
        try:
            response = manager.request("GET", url, headers=headers, redirect=False, **options)
        except (HTTPError, OSError, ValueError) as error:
            if error.args and isinstance(error.args[0], ssl.SSLCertVerificationError):
                raise FetchError("tls", f"{host}: {error.args[0].verify_message}") from None
            raise FetchError("failed", f"{host}: {reason(error)}", temporary=True) from None
        except FetchError as failure:  # from _connect
            if failure.status == "dead":
                self.limits.record_connection(host, False)
            raise
        self.limits.record_connection(host, True)
        assert isinstance(response, urllib3.HTTPResponse)
        return response

    def _connect(self, to: HTTPConnection) -> socket.socket:
        """Resolve once, so that the address that is checked is the one that is used. Raises FetchError."""
        name = f"{to.host.lower()}:{to.port}"
        try:
            found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise FetchError("dead", f"{name}: no such host", temporary=True) from None
        detail = "no address"
        for address in (str(entry[4][0]) for entry in found):
            if name not in self.trusted and not ipaddress.ip_address(address.partition("%")[0]).is_global:
                raise FetchError("denied", f"{name}: in a private network and not named in download.mirrors")
            try:
                return connection.create_connection((address, to.port), to.timeout)
            except OSError as error:
                detail = error.strerror or str(error)
        raise FetchError("dead", f"{name}: {detail}", temporary=True)

    def _check_status(self, raw: urllib3.HTTPResponse, host: str, moved: bool) -> None:
        """Raises FetchError for every status but 200 and 206."""
        status, detail = raw.status, f"{host}: status {raw.status}"
        if status in (200, 206):
            if raw.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
                raise FetchError("wrong_type", f"{host}: an encoding that was not requested")
            return
        if status in (429, 503):
            after = retry_after_seconds(raw.headers.get("Retry-After"))
            if after is not None and after > MAX_PAUSE_SECONDS:
                raise FetchError("busy", f"{detail}, retry after {after:.0f} s")
            if after is not None:
                self.limits.pause(host, after)
            raise FetchError("busy", detail, temporary=True, after_seconds=after)
        if status in (401, 403, 407, 451):
            raise FetchError("denied", detail)
        if status in TEMPORARY or status > 504:
            raise FetchError("failed", detail, temporary=True)
        raise FetchError("moved" if moved else "dead", detail)


def _redirect_target(url: str, raw: urllib3.HTTPResponse) -> str:
    place = raw.headers.get("Location")
    if not place:
        raise FetchError("moved", f"{host_of(url)}: a redirect without an address")
    target = urljoin(url, place)
    try:
        scheme = parse(target).scheme
    except FetchError as failure:
        raise FetchError("moved", f"{host_of(url)}: redirects to {failure.detail}") from None
    if scheme == "http" and parse(url).scheme == "https":
        raise FetchError("moved", f"{host_of(url)}: redirects to an address that is not encrypted")
    return target
