"""Many clients at once against `mlflow models serve`: is a request lost, how long do they take, does the
server grow?

    python tools/serve_load.py                                       models:/deepfacegen@champion, 50 clients,
    60 s python tools/serve_load.py models:/deepfacegen/3 --clients 8 --seconds 10 --json
 The server is started here, on 127.0.0.1 and a free port, with one process, and ended afterwards. Each client
 asks for a face of the same recording, waits for the answer and asks again. An answer counts only if it holds
 a PNG; whatever else comes back is lost. The first requests, which warm the server up, are not measured.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil

from deepfacegen.server.publish import example
from deepfacegen.tracking.store import connect

START_SECONDS, ANSWER_SECONDS = 240.0, 120.0
MAX_CLIENTS, MAX_SECONDS = 200, 600


@dataclass(frozen=True)
class Server:
    """A model that is being served on the loopback interface."""

    port: int
    process: psutil.Process

    def ask(
        self,
        body: bytes | str,
        content_type: str | None = "application/json",
        seconds: float = ANSWER_SECONDS,
    ) -> tuple[int, bytes]:
        """POST to /invocations: status and body. Raises OSError or HTTPException when there is no answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(
                "POST", "/invocations", body, {"Content-Type": content_type} if content_type else {}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def resident_bytes(self) -> int:
        """Memory of the server and of what it started."""
        found = 0
        for process in (self.process, *self.process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += process.memory_info().rss
        return found


@contextlib.contextmanager
def served(model: str, log: Path, workers: int = 1) -> Iterator[Server]:
    """`mlflow models serve` on a free port; on leaving, all of it has ended. Raises RuntimeError with the
    log's end if it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": connect().tracking_uri,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    words = [
        "models",
        "serve",
        "-m",
        model,
        "--env-manager",
        "local",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-w",
        str(workers),
    ]
    with log.open("wb") as stream:
        # In a session of its own, so that the whole of it can be ended.
        started = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words],
            env=environment,
            stdout=stream,
            stderr=stream,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            server = Server(port, psutil.Process(started.pid))
            until = time.monotonic() + START_SECONDS
            while not _healthy(port):
                if started.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(
                        "mlflow models serve does not start: "
                        f"{log.read_text(encoding='utf-8', errors='replace')[-2000:]}"
                    )
                time.sleep(0.2)
            yield server
        finally:
            for end in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(started.pid, end)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    started.wait(15)
                    break


def _healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@dataclass
class Tally:
    """What all clients saw together."""

    seconds: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float, lost: str | None) -> None:
        with self.lock:
            if lost is None:
                self.seconds.append(seconds)
            else:
                self.lost.append(lost)


def request(sound: str, seed: int = 0) -> str:
    """The body of a request for one face."""
    return json.dumps({"dataframe_records": [{"audio": sound}], "params": {"seed": seed}})


def once(server: Server, body: str) -> str | None:
    """Ask for a face; None if one came, else what came instead."""
    try:
        status, answer = server.ask(body)
        face = base64.b64decode(json.loads(answer)["predictions"][0]["faces"][0]) if status == 200 else b""
        return None if face.startswith(b"\x89PNG") else f"status {status}: {answer[:200]!r}"
    except (OSError, HTTPException, ValueError, KeyError, IndexError) as error:
        return f"{type(error).__name__}: {error}"


def load(server: Server, sound: str, clients: int, seconds: float) -> dict[str, Any]:
    """Let `clients` ask for `seconds`, each until its last answer has come. Memory is read every second."""
    for seed in range(2 * clients):
        once(server, request(sound, seed))
    tally, memory = Tally(), [server.resident_bytes()]
    began = time.monotonic()

    def client(seed: int) -> None:
        while time.monotonic() - began < seconds:
            started = time.monotonic()
            lost = once(server, request(sound, seed))
            tally.add(time.monotonic() - started, lost)

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(1.0)
        memory.append(server.resident_bytes())
    took = time.monotonic() - began
    ordered = sorted(tally.seconds)
    return {
        "clients": clients,
        "seconds": round(took, 1),
        "requests": len(tally.seconds) + len(tally.lost),
        "lost": len(tally.lost),
        "lost_first": tally.lost[:3],
        "answers_per_second": round(len(ordered) / took, 1),
        "p50_seconds": round(_quantile(ordered, 0.5), 3),
        "p95_seconds": round(_quantile(ordered, 0.95), 3),
        "resident_bytes": {
            "start": memory[0],
            "middle": memory[len(memory) // 2],
            "end": memory[-1],
            "most": max(memory),
        },
        "machine": {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine()},
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "model", nargs="?", default="models:/deepfacegen@champion", help="what `mlflow models serve -m` takes"
    )
    parser.add_argument("--clients", type=int, default=50, help="at once (default: 50)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="file for what the server says")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args()
    if not 1 <= options.clients <= MAX_CLIENTS or not 0 < options.seconds <= MAX_SECONDS:
        parser.error(f"at most {MAX_CLIENTS} clients and {MAX_SECONDS} s")
    with served(options.model, options.log) as server:
        result = load(server, example(), options.clients, options.seconds)
    memory = {name: f"{size / 2**20:.0f} MiB" for name, size in result["resident_bytes"].items()}
    line = (
        f"{result['requests']} requests, {result['lost']} lost, p50 {result['p50_seconds']} s, "
        f"p95 {result['p95_seconds']} s, memory {memory}"
    )
    sys.stdout.write(f"{json.dumps(result) if options.json else line}\n")
    return 1 if result["lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
