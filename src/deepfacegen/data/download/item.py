"""One file of the catalogue: from the first address that has it to a checked file in `archives`, or to a row
that says why it could not be fetched.
"""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deepfacegen.data.download.catalogue import Bundle, Item
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.journal import Journal
from deepfacegen.data.download.response import redact
from deepfacegen.data.download.state import Row, State
from deepfacegen.data.download.terms import KEY_HELP
from deepfacegen.data.download.transfer import Source, Transfer, TransferContext

log = logging.getLogger(__name__)

# A file may exceed the size in the catalogue by this factor and this much more.
MAX_SIZE_FACTOR, MAX_EXTRA_BYTES = 2.0, 64 << 20
HASH_ATTEMPTS = 2
# When every address failed, the row has the most specific reason.
BY_SPECIFICITY = (
    *("wrong_hash", "too_large", "truncated", "wrong_type", "denied"),
    *("busy", "tls", "failed", "moved", "dead"),
)


@dataclass(frozen=True)
class Addresses:
    """Mirrors by set (`*`: any set), tried first, and the key for addresses that need one."""

    mirrors: tuple[str, ...]
    key: str | None
    official: bool = True

    def of(self, bundle: Bundle, item: Item) -> list[str]:
        own = [entry.partition("=") for entry in self.mirrors]
        mirrors = [address for name, _, address in own if name in (bundle.set, "*")]
        return mirrors + list(item.addresses if self.official else ())

    def fill(self, address: str, item: Item) -> str:
        """Raises FetchError when the address needs a key and there is none."""
        if "{key}" in address and not self.key:
            raise FetchError("denied", KEY_HELP)
        return address.replace("{file}", quote(item.name)).replace("{key}", quote(self.key or "", safe=""))


def bytes_on_disk(state: State, item: Item) -> int:
    """Of the archive, or of the part of it that has been fetched."""
    path = state.archive(item.name)
    return path.stat().st_size if path.is_file() else Journal.of(state.partial(item.name)).bytes_done()


@dataclass(frozen=True)
class ItemFetch:
    """The work on one file of a bundle."""

    context: TransferContext
    addresses: Addresses
    state: State
    bundle: Bundle
    item: Item

    def run(self) -> Row:
        """The row of this file, which is also recorded. A file that is unchanged since its check is kept."""
        row = self._existing() or self._fetch()
        self.state.record(row)
        return row

    def _existing(self) -> Row | None:
        """The row of a file that is complete or already unpacked; None if it has to be fetched."""
        name = self.item.name
        known, path = self.state.load(name), self.state.archive(name)
        if known.get("used"):
            return self._ok(known | {"detail": "unpacked; the archive was removed"})
        if not path.is_file():
            return None
        found = path.stat()
        unchanged = (known.get("bytes"), known.get("mtime_ns")) == (found.st_size, found.st_mtime_ns)
        if unchanged and self.state.checksum(name) in (None, known["sha256"]):
            return self._ok(known)
        try:  # put there by hand, or complete when the process was killed
            return self._accept(path, "found in archives", "")
        except FetchError as failure:
            log.warning("%s: %s; it is fetched again", path, failure.detail)
            path.unlink()
            return None

    def _fetch(self) -> Row:
        item = self.item
        failures: list[tuple[FetchError, str]] = []
        for address in self.addresses.of(self.bundle, item):
            for _ in range(HASH_ATTEMPTS):
                try:
                    return self._fetch_from(self.addresses.fill(address, item))
                except FetchError as failure:
                    log.warning("%s: %s", item.name, failure)
                    failures.append((failure, redact(address)))
                    if failure.status != "wrong_hash":
                        break
            if self.context.client.stop.is_set():
                break
        if not failures:
            detail = "no mirror is configured for it, and download.official is false"
            return Row(self.bundle.set, item.name, "missing", detail)
        rank = {status: k for k, status in enumerate(BY_SPECIFICITY)}
        worst, place = min(failures, key=lambda pair: rank.get(pair[0].status, len(rank)))
        detail = worst.detail
        needs_key = any("{key}" in address for address in item.addresses)
        if worst.status == "denied" and needs_key and KEY_HELP not in detail:
            detail += f"; the key may be wrong or expired: {KEY_HELP}"
        done = bytes_on_disk(self.state, item)
        return Row(self.bundle.set, item.name, worst.status, detail, done, "", place)

    def _fetch_from(self, url: str) -> Row:
        item = self.item
        partial = self.state.partial(item.name)
        partial.parent.mkdir(parents=True, exist_ok=True)
        max_bytes = int(item.about_bytes * MAX_SIZE_FACTOR) + MAX_EXTRA_BYTES
        source = Source(url, max_bytes, bool(item.md5 or item.sha256 or self.state.checksum(item.name)))
        transfer = Transfer(self.context, source, partial)
        log.info("%s: fetching from %s", item.name, source.name)
        try:
            transfer.run()
            detail = f"redirected to {transfer.moved_to}" if transfer.moved_to else ""
            row = self._accept(partial, source.name, detail)
        except FetchError as failure:
            if failure.status in ("wrong_hash", "wrong_type"):
                transfer.discard()
            raise
        transfer.journal.clear()
        return row

    def _accept(self, path: Path, source: str, detail: str) -> Row:
        """Check a complete file, move it to its place, record it. Raises FetchError."""
        item, target = self.item, self.state.archive(self.item.name)
        _check_kind(path, item.kind)
        recorded = self.state.checksum(item.name)
        sha256 = _check_hashes(path, item, recorded)
        if recorded is None:
            self.state.set_checksum(item.name, sha256)
        if path != target:
            os.replace(path, target)
            os.sync()  # the new name, before its journal is removed
        found = target.stat()
        known = {"bytes": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": sha256}
        known |= {"source": source, "detail": detail}
        self.state.save(item.name, known)
        return self._ok(known)

    def _ok(self, known: dict[str, Any]) -> Row:
        detail = known.get("detail", "")
        facts = known["bytes"], known["sha256"], known["source"]
        return Row(self.bundle.set, self.item.name, "ok", detail, *facts)


def _check_hashes(path: Path, item: Item, recorded: str | None) -> str:
    """The sha256, once compared with what was published and recorded. Raises FetchError."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            md5.update(chunk)
            sha256.update(chunk)
    for found, published in ((md5, item.md5), (sha256, item.sha256)):
        if published is not None and published != found.hexdigest():
            raise FetchError("wrong_hash", f"{found.name} is {found.hexdigest()}, published: {published}")
    if recorded not in (None, sha256.hexdigest()):
        detail = f"sha256 is {sha256.hexdigest()}, of the first download: {recorded} (checksums.json)"
        raise FetchError("wrong_hash", detail)
    return sha256.hexdigest()


def _check_kind(path: Path, kind: str) -> None:
    with path.open("rb") as file:
        head = file.read(2048)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        raise FetchError("wrong_type", "a web page")
    magic = {"zip": b"PK\x03\x04", "gzip": b"\x1f\x8b"}.get(kind, b"")
    if not head.startswith(magic):
        raise FetchError("wrong_type", f"not a {kind} archive")
    if kind == "text" and (b"\0" in head or not head):
        raise FetchError("wrong_type", "not text")
