"""Kill the downloader repeatedly, and count the requests to a server on this machine.

    python tools/killed_download.py --kills 20

A split archive of random files, with and without published checksums, is fetched from 127.0.0.1 and unpacked.
The fetching process gets SIGKILL at random moments and is started again. Before each start its journals are
read. A request for a part that was complete by then counts as a fault, and so does a file with other bytes
than the server's.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from deepfacegen.config.schema import from_dict
from deepfacegen.data.download.catalogue import Bundle, Item
from deepfacegen.data.download.fetch import fetch
from deepfacegen.data.download.journal import Journal

PARTS, MEMBERS, MEMBER_BYTES = 4, 400, 20_000
Log = list[tuple[str, int]]


def make(seed: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The archive's files, and its parts by name."""
    rng = random.Random(seed)
    files = {f"aac/id{k // 20:05}/video/{k:05}.m4a": rng.randbytes(MEMBER_BYTES) for k in range(MEMBERS)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"dev/{name}", data)
    size = -(-len(out.getvalue()) // PARTS)
    return files, {
        f"vox2_dev_aac_parta{chr(ord('a') + k)}": out.getvalue()[k * size : (k + 1) * size]
        for k in range(PARTS)
    }


def serve(parts: dict[str, bytes], requests: Log) -> ThreadingHTTPServer:
    """A server with ranges on a free port of this machine. It records name and first byte of each request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            name = self.path.strip("/")
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if found is None or name not in parts:
                self.send_error(404)
                return
            start, end = int(found[1]), min(int(found[2]), len(parts[name]) - 1)
            requests.append((name, start))
            self.send_response(206)
            self.send_header("ETag", f'"{name}"')
            self.send_header("Content-Length", str(end - start + 1))
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(parts[name])}")
            self.end_headers()
            try:
                self.wfile.write(parts[name][start : end + 1])
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # connections of killed processes
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def child(folder: Path, port: int, mb_per_second: float, md5s: list[str]) -> int:
    """The process that is killed: one fetch."""
    names = [f"vox2_dev_aac_parta{chr(ord('a') + k)}" for k in range(PARTS)]
    md5_of: list[str | None] = [*md5s] or [None] * PARTS
    address = f"http://127.0.0.1:{port}/{{file}}"
    items = tuple(
        Item(name, (address,), MEMBERS * MEMBER_BYTES // PARTS, md5, kind="any" if k else "zip")
        for k, (name, md5) in enumerate(zip(names, md5_of, strict=True))
    )
    bundle = Bundle("vox2_dev_aac", "vox2_dev_aac.zip", items, "voxceleb2/dev", "zip", "dev/")
    config = from_dict(
        {"download": {"folder": str(folder), "segment_mb": 0.2, "mb_per_second": mb_per_second}}
    )
    sys.stdout.write("begins\n")
    sys.stdout.flush()
    rows = fetch(config, [bundle])
    return 0 if all(row.status == "ok" for row in rows) else 1


def complete(folder: Path, parts: dict[str, bytes]) -> dict[str, list[tuple[int, int]]]:
    """Per part, the ranges of bytes that must not be requested again."""
    found: dict[str, list[tuple[int, int]]] = {}
    for name, data in parts.items():
        journal = Journal(folder / "archives" / f"{name}.partial.journal")
        state = folder / "state" / f"{name}.json"
        if (folder / "archives" / name).is_file() or (
            state.is_file() and json.loads(state.read_text(encoding="utf-8")).get("used")
        ):
            found[name] = [(0, len(data))]
        elif journal.version is not None:
            missing = set(journal.missing())
            found[name] = [
                journal.version.bounds(k) for k in range(journal.version.segments()) if k not in missing
            ]
    return found


def wrong_files(folder: Path, parts: dict[str, bytes], files: dict[str, bytes]) -> int:
    """Files under their final names with other bytes than the server's."""
    wrong = sum(
        (folder / "archives" / name).read_bytes() != data
        for name, data in parts.items()
        if (folder / "archives" / name).is_file()
    )
    into = folder / "voxceleb2/dev"
    unpacked = (
        [path for path in into.rglob("*") if path.is_file() and not path.name.endswith(".partial")]
        if into.is_dir()
        else []
    )
    return wrong + sum(path.read_bytes() != files.get(path.relative_to(into).as_posix()) for path in unpacked)


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the downloader repeatedly, and count the requests.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the files and the moments")
    parser.add_argument("--mb-per-second", type=float, default=3.0)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(Path(options.child[0]), int(options.child[1]), options.mb_per_second, options.child[2:])
    files, parts = make(options.seed)
    requests: Log = []
    server = serve(parts, requests)
    rng, scratch = random.Random(options.seed), Path(tempfile.mkdtemp(prefix="killed-download-"))
    kills, rounds, again, wrong, unpacking = 0, 0, 0, 0, 0
    finished = False
    try:
        while kills < options.kills or not finished:
            folder = scratch / str(rounds)
            md5s = (
                [hashlib.md5(data, usedforsecurity=False).hexdigest() for data in parts.values()]
                if rounds % 2 == 0
                else []
            )
            before, count = complete(folder, parts), len(requests)
            command = [
                sys.executable,
                __file__,
                "--mb-per-second",
                str(options.mb_per_second),
                "--child",
                str(folder),
                str(server.server_port),
                *md5s,
            ]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
            finished = False
            try:
                process.wait(rng.uniform(0.0, 1.5) if kills < options.kills else None)
                finished = True
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                unpacking += (folder / "voxceleb2").is_dir()
            again += sum(
                any(a <= start < b for a, b in before.get(name, [])) for name, start in requests[count:]
            )
            wrong += wrong_files(folder, parts, files)
            if finished:
                there = {
                    path.relative_to(folder / "voxceleb2/dev").as_posix()
                    for path in (folder / "voxceleb2/dev").rglob("*.m4a")
                }
                wrong += process.returncode != 0 or there != files.keys()
                rounds += 1
            time.sleep(0.02)
    finally:
        server.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)
    sys.stdout.write(
        f"{kills} kills ({unpacking} of them after unpacking had begun), "
        f"{rounds} complete downloads of {len(parts)} parts with {len(files)} files: "
        f"{again} requests for a part that was complete, {wrong} wrong files\n"
    )
    return 1 if again or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
