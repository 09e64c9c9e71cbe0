"""A local server with the faults of data-set servers, which records its requests."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Route:
    """One file and its faults; `*_times` count down, one per request."""

    body: bytes = b""
    kind: str = "application/octet-stream"
    ranges: bool = True
    etag: str | None = "auto"
    status: int = 200
    status_times: int = -1  # -1: always, when status is not 200
    retry_after: str | None = None
    drop_after: int = 0  # bytes, then the connection is reset
    drop_times: int = 0
    stall_after: int | None = None  # bytes, then nothing comes
    stall_times: int = 0
    wrong_times: int = 0  # flip a byte
    redirect: str | None = None
    length: str = "stated"  # stated, chunked, none, too_long
    wrong_range_times: int = 0
    delay_seconds: float = 0.0


@dataclass
class Request:
    path: str
    start: int | None
    end: int | None
    sent: int = 0
    headers: dict[str, str] = field(default_factory=dict)


class Server:
    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self.open_now = 0
        self.open_most = 0
        outer = self

        class Handler(_Handler):
            server_of_tests = outer

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.host = f"127.0.0.1:{self.http.server_address[1]}"
        self.closing = threading.Event()

    def url(self, name: str) -> str:
        return f"http://{self.host}/{name}"

    def add(self, name: str, body: bytes = b"", **more: Any) -> Route:
        self.routes[f"/{name}"] = Route(body, **more)
        return self.routes[f"/{name}"]

    def requests_for(self, name: str) -> list[Request]:
        return [request for request in self.requests if request.path == f"/{name}"]

    def sent(self, name: str) -> int:
        return sum(request.sent for request in self.requests_for(name))


class _Handler(BaseHTTPRequestHandler):
    server_of_tests: Server
    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server_of_tests
        path = self.path.partition("?")[0]
        with server.lock:
            server.open_now += 1
            server.open_most = max(server.open_most, server.open_now)
        try:
            self._respond(server, path)
        except OSError:
            self.close_connection = True
        finally:
            with server.lock:
                server.open_now -= 1

    def _respond(self, server: Server, path: str) -> None:
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(found[1]), int(found[2]) if found[2] else None) if found else (None, None)
        request = Request(
            self.path if "?" in self.path and path not in server.routes else path,
            start,
            end,
            headers=dict(self.headers),
        )
        with server.lock:
            server.requests.append(request)
            route = server.routes.get(path)
            if route is None:
                route = Route(status=404)
            plan = self._plan(route)
        time.sleep(route.delay_seconds)
        if route.redirect is not None:
            self._head(302, {"Location": route.redirect, "Content-Length": "0"})
            return
        if plan["status"] != 200:
            body = b"<html>no</html>"
            more = {"Retry-After": route.retry_after} if route.retry_after else {}
            self._head(
                plan["status"], {"Content-Type": "text/html", "Content-Length": str(len(body)), **more}
            )
            self.wfile.write(body)
            return
        etag = f'"{hash(route.body) & 0xFFFFFFFF:x}"' if route.etag == "auto" else route.etag
        headers = {"Content-Type": route.kind, **({"ETag": etag} if etag else {})}
        body, size, status = route.body, len(route.body), 200
        same = self.headers.get("If-Range") in (None, etag)
        if start is not None and route.ranges and same:
            if start >= size:
                self._head(416, {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
                return
            last = min(size - 1, end if end is not None else size - 1)
            body, status = route.body[start : last + 1], 206
            shown = start + 1 if plan["wrong_range"] else start
            headers["Content-Range"] = f"bytes {shown}-{last}/{size}"
        if plan["wrong"] and body:
            body = bytes([body[0] ^ 0xFF]) + body[1:]
        if route.length == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        elif route.length != "none":
            headers["Content-Length"] = str(len(body) + (1000 if route.length == "too_long" else 0))
        self._head(status, headers)
        if route.length in ("none", "too_long"):
            self.close_connection = True
        self._send(server, route, request, body, plan)

    def _plan(self, route: Route) -> dict[str, Any]:
        """The faults of this request; called under the lock."""
        plan: dict[str, Any] = {
            "status": 200,
            "drop": False,
            "stall": False,
            "wrong": False,
            "wrong_range": False,
        }
        if route.status != 200 and route.status_times != 0:
            route.status_times -= 1
            plan["status"] = route.status
            return plan
        for key, name in (
            ("drop", "drop_times"),
            ("stall", "stall_times"),
            ("wrong", "wrong_times"),
            ("wrong_range", "wrong_range_times"),
        ):
            if getattr(route, name) > 0:
                setattr(route, name, getattr(route, name) - 1)
                plan[key] = True
        return plan

    def _send(
        self, server: Server, route: Route, request: Request, body: bytes, plan: dict[str, Any]
    ) -> None:
        stop_at = (
            route.drop_after if plan["drop"] else (route.stall_after or 0) if plan["stall"] else len(body)
        )
        for at in range(0, min(stop_at, len(body)), 1 << 16):
            piece = body[at : min(at + (1 << 16), stop_at)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if route.length == "chunked" else piece)
            request.sent += len(piece)
        if plan["stall"]:
            server.closing.wait(20)
            self.close_connection = True
        elif plan["drop"]:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif route.length == "chunked":
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()
