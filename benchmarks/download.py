"""Speed of the downloader against a server on this machine: large files, unpacking, mostly dead links.

    python benchmarks/download.py            writes benchmarks/results/download.json

The server is a process of its own on the same cores. The figures are an upper bound of what the downloader
handles, not the speed of a real connection.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import platform
import random
import re
import sys
import tempfile
import threading
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image

from deepfacegen.config.schema import from_dict
from deepfacegen.data.download.catalogue import Bundle, Item
from deepfacegen.data.download.fetch import fetch
from deepfacegen.data.download.links import crawl

OUT = Path(__file__).with_name("results") / "download.json"
PARTS, MEMBERS, MEMBER_BYTES, LINKS = 4, 20_000, 40_000, 5000


def serve(folder: Path, port: Connection) -> None:
    """Files of `folder` with ranges; `/photo/N.jpg` is one image for two of five N, else 404."""
    picture = io.BytesIO()
    Image.frombytes("RGB", (120, 150), random.Random(0).randbytes(54_000)).save(picture, "JPEG")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if photo := re.fullmatch(r"/photo/(\d+)\.jpg", self.path):
                there = int(photo[1]) % 5 < 2
                body = picture.getvalue() + photo[1].encode() if there else b""
                self.send_response(200 if there else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):  # the client may have given up
                    self.wfile.write(body)
                return
            path = folder / self.path.strip("/")
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            assert found is not None
            size = path.stat().st_size
            start, end = int(found[1]), min(int(found[2]), size - 1)
            self.send_response(206)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(end - start + 1))
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
            self.end_headers()
            with path.open("rb") as file:
                self.connection.sendfile(file, start, end - start + 1)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port.send(server.server_port)
    server.serve_forever()


def large_files(scratch: Path, port: int) -> dict[str, Any]:
    """A split archive: fetched (each byte through md5, sha256 and fsync), then unpacked."""
    whole = scratch / "served" / "whole.zip"
    data = os.urandom(MEMBER_BYTES)
    with zipfile.ZipFile(whole, "w") as archive:
        for k in range(MEMBERS):
            archive.writestr(f"dev/aac/id{k // 100:05}/video/{k:05}.m4a", k.to_bytes(4, "little") + data)
    size = whole.stat().st_size
    step = -(-size // PARTS)
    with whole.open("rb") as file:
        for k in range(PARTS):
            (scratch / "served" / f"part{k}").write_bytes(file.read(step))
    whole.unlink()
    address = f"http://127.0.0.1:{port}/{{file}}"
    items = tuple(Item(f"part{k}", (address,), step, kind="any" if k else "zip") for k in range(PARTS))
    config = from_dict({"download": {"folder": str(scratch / "got"), "keep_archives": True}})
    began = perf_counter()
    rows = fetch(config, [Bundle("vox2_dev_aac", "fetched", items, "meta")])
    fetched = perf_counter()
    rows += fetch(config, [Bundle("vox2_dev_aac", "unpacked", items, "voices", "zip", "dev/")])
    unpacked = perf_counter()
    assert all(row.status == "ok" for row in rows), rows
    seconds = fetched - began, unpacked - fetched
    return {
        "bytes": size,
        "fetch_mb_per_second": round(size / 1e6 / seconds[0], 1),
        "files": MEMBERS,
        "unpack_files_per_second": round(MEMBERS / seconds[1]),
        "unpack_mb_per_second": round(size / 1e6 / seconds[1], 1),
    }


def dead_links(scratch: Path, port: int) -> dict[str, Any]:
    """A list of links of which three in five are dead."""
    root = scratch / "vggface1"
    (root / "lists").mkdir(parents=True)
    for person in range(10):
        numbers = range(person, LINKS, 10)
        lines = [
            f"{k} http://127.0.0.1:{port}/photo/{k // 10 + 7 * person}.jpg 1 2 3 4 5 6 1" for k in numbers
        ]
        (root / "lists" / f"Person_{person}.txt").write_text("\n".join(lines), encoding="utf-8")
    settings = from_dict({"download": {"per_host": 64}}).download
    began = perf_counter()
    row = crawl(settings, root, scratch / "faces", frozenset({f"127.0.0.1:{port}"}), threading.Event())
    seconds = perf_counter() - began
    return {"links": LINKS, "links_per_second": round(LINKS / seconds), "outcomes": row.detail}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="download-benchmark-") as name:
        scratch = Path(name)
        (scratch / "served").mkdir()
        here, there = multiprocessing.Pipe()
        server = multiprocessing.Process(target=serve, args=(scratch / "served", there), daemon=True)
        server.start()
        port = int(here.recv())
        measured = {"large_files": large_files(scratch, port), "links": dead_links(scratch, port)}
        server.kill()
    machine = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    results = {"command": "python benchmarks/download.py", "machine": machine, **measured}
    OUT.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{json.dumps(measured, sort_keys=True)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
