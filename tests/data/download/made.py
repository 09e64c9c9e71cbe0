"""Small archives, and bundles whose addresses are on a test's server."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
import zipfile
from typing import Any

from deepfacegen.data.download.catalogue import Bundle, Item
from tests.data.download.server import Server

FILES = {
    f"dev/aac/id0001{k}/video{k}/0000{n}.m4a": random.Random(10 * k + n).randbytes(20_000 + n)
    for k in range(4)
    for n in range(3)
}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def tarred(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return gzip.compress(out.getvalue(), 1)


def split(data: bytes, count: int) -> list[bytes]:
    size = -(-len(data) // count)
    return [data[k * size : (k + 1) * size] for k in range(count)]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def item(server: Server, name: str, size: int, **more: Any) -> Item:
    return Item(name, (server.url(name),), size, **more)


def one(server: Server, name: str, size: int, **more: Any) -> Bundle:
    """A single file that is not unpacked."""
    return Bundle(
        "vox2_test_aac", f"{name} bundle", (item(server, name, size, **{"kind": "any", **more}),), "meta"
    )


def archive(
    server: Server, parts: list[bytes], *, known: bool = True, name: str = "vox2_dev_aac.zip"
) -> Bundle:
    """A zip archive in parts, which are added to the server."""
    items = []
    for k, data in enumerate(parts):
        part = f"{name.removesuffix('.zip')}_parta{'abcdefghi'[k]}"
        server.add(part, data)
        items.append(
            item(server, part, len(data), md5=md5(data) if known else None, kind="any" if k else "zip")
        )
    return Bundle("vox2_dev_aac", name, tuple(items), "voxceleb2/dev", "zip", "dev/")
