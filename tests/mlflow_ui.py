"""MLflow's web page over a database, on the loopback interface, for as long as a test looks at it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.report.browser import Tab

START_SECONDS, SHOW_SECONDS = 240, 120
# For the browser: this machine may be reached, nothing else.
LOOPBACK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@contextlib.contextmanager
def mlflow_ui(folder: Path, log: Path) -> Iterator[str]:
    """The address of `mlflow ui` for the database in `folder`; ended, with all that it started, on
    leaving."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        "ui",
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    names = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    names |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with log.open("wb") as stream:
        # In a session of its own, so that the whole of it can be ended.
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words],
            cwd=folder,
            env=names,
            stdout=stream,
            stderr=stream,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(f"http://127.0.0.1:{port}/health"):
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < until, log.read_text(errors="replace")[-2000:]
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        for end in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, end)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
                break


def shown(tab: Tab, *words: str) -> str:
    """The text of a page once it shows all of these; it builds itself after it has loaded."""
    until = time.monotonic() + SHOW_SECONDS
    while True:
        text = str(tab.run("document.body.innerText"))
        if all(word in text for word in words):
            return text
        assert time.monotonic() < until, (
            f"not shown: {[word for word in words if word not in text]} in {text[:2000]}"
        )
        time.sleep(0.3)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
