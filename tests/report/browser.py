"""A headless Chromium for tests, spoken to over a pair of pipes (the DevTools protocol with NUL between
messages): no port, no driver."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 60
# Whatever the page asks for by name is not found, so a request that slips out fails where it can be seen.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)

# The browser expects its pipes at the numbers 3 and 4; either of ours may have one of these, so both are
# moved out of the way first.
LAUNCHER = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, pipe in zip((3, 4), pipes):
    os.dup2(pipe, number)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find() -> str | None:
    """The browser of this machine, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Browser:
    """One running browser. `events` holds the events of its tabs since they were opened."""

    process: subprocess.Popen[bytes]
    to: int
    back: int
    events: list[dict[str, Any]] = field(default_factory=list)
    _last: int = 0
    _unread: bytes = b""

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The answer to one command. Raises AssertionError with the browser's words when it fails."""
        self._last += 1
        message = {
            "id": self._last,
            "method": method,
            "params": params,
            **({"sessionId": session} if session else {}),
        }
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("id") == self._last:
                assert "error" not in heard, f"{method}: {heard['error']}"
                return heard["result"]
            self.events.append(heard)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self.back], [], [], max(until - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            chunk = os.read(self.back, 1 << 20)
            assert chunk, "the browser ended"
            self._unread += chunk
        first, _, self._unread = self._unread.partition(b"\0")
        return json.loads(first)


@dataclass
class Tab:
    """One page, loaded to its end."""

    browser: Browser
    session: str

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        found = self.browser.call(
            "Runtime.evaluate", self.session, expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def show(self, width: int, height: int, *, dark: bool, scale: float = 1) -> None:
        """Lay the page out anew for a screen of this size (CSS pixels) and theme; narrow screens are
        phones."""
        mobile = width < 600
        self.browser.call(
            "Emulation.setDeviceMetricsOverride",
            self.session,
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=mobile,
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.browser.call("Emulation.setEmulatedMedia", self.session, features=scheme)

    def picture(self, path: Path, *, whole: bool = True, clip: dict[str, float] | None = None) -> None:
        """Write a PNG of what is shown, or of the whole page."""
        params: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole}
        if clip:
            params["clip"] = clip
        path.write_bytes(
            base64.b64decode(self.browser.call("Page.captureScreenshot", self.session, **params)["data"])
        )

    def events_of(self, method: str) -> list[dict[str, Any]]:
        """Parameters of the events of one kind that this page caused."""
        return [
            event["params"]
            for event in self.browser.events
            if event.get("method") == method and event.get("sessionId") == self.session
        ]


@contextlib.contextmanager
def started(profile: Path, *more: str) -> Iterator[Browser]:
    """A browser with a new, empty profile in `profile` and flags beyond FLAGS (the last one of a kind holds);
    ended on leaving."""
    path = find()
    assert path is not None
    (read_here, to), (back, write_here) = os.pipe(), os.pipe()
    command = [
        sys.executable,
        "-c",
        LAUNCHER,
        str(read_here),
        str(write_here),
        path,
        *FLAGS,
        *more,
        f"--user-data-dir={profile}",
    ]
    with subprocess.Popen(
        command, pass_fds=(read_here, write_here), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        os.close(read_here)
        os.close(write_here)
        browser = Browser(process, to, back)
        try:
            yield browser
            with contextlib.suppress(AssertionError, OSError):
                browser.call("Browser.close")
        finally:
            os.close(to)
            os.close(back)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def opened(
    browser: Browser, address: str, width: int = 1280, height: int = 900, *, dark: bool = False
) -> Tab:
    """A tab that has loaded `address` completely, recording console, errors and requests from the start."""
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    tab = Tab(browser, browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.call(f"{domain}.enable", tab.session)
    tab.show(width, height, dark=dark)
    browser.call("Page.navigate", tab.session, url=address)
    tab.run(
        "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
    )
    return tab
