"""One file of the catalogue: from the first address that has it to a checked file in `archives`, or a row
that says why not."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from deepfacegen.data.download.catalogue import Bundle, Item
from deepfacegen.data.download.client import redact
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.journal import Journal
from deepfacegen.data.download.state import ARCHIVES, Digests, Row, State, digests
from deepfacegen.data.download.terms import KEY_HELP
from deepfacegen.data.download.transfer import Means, Transfer, Wanted

log = logging.getLogger(__name__)

# A file may be so much larger than the catalogue says; what is beyond is no version of it.
SLACK, SLACK_BYTES = 2.0, 64 << 20
HASH_ATTEMPTS = 2
# When no address has the file, the most telling reason is told.
TELLING = (
    "wrong_hash",
    "too_large",
    "truncated",
    "wrong_type",
    "denied",
    "busy",
    "tls",
    "failed",
    "moved",
    "dead",
)


@dataclass(frozen=True)
class Sources:
    """Where to ask: mirrors by set (`*`: any set), tried first, and the key for addresses that need one."""

    mirrors: tuple[str, ...]
    key: str | None
    official: bool = True

    def addresses(self, bundle: Bundle, item: Item) -> list[str]:
        own = [entry.partition("=") for entry in self.mirrors]
        return [address for name, _, address in own if name in (bundle.set, "*")] + list(
            item.addresses if self.official else ()
        )

    def fill(self, address: str, item: Item) -> str:
        """Raises FetchError when the address needs a key and there is none."""
        if "{key}" in address and not self.key:
            raise FetchError("denied", KEY_HELP)
        return address.replace("{file}", quote(item.name)).replace("{key}", quote(self.key or "", safe=""))


def fetch_item(means: Means, sources: Sources, state: State, bundle: Bundle, item: Item) -> Row:
    """The row of this file, also written to the table. What is there and unchanged since it was checked is
    not touched."""
    target = state.folder / ARCHIVES / item.name
    row = _there(state, bundle, item, target)
    if row is None:
        row = _fetch(means, sources, state, bundle, item, target)
    state.tell(row)
    return row


def _there(state: State, bundle: Bundle, item: Item, target: Path) -> Row | None:
    """The row of a file that is complete, or that was and has been unpacked; None if it has to be fetched."""
    known = state.load(item.name)
    if known.get("used"):
        return Row(
            bundle.set,
            item.name,
            "ok",
            "unpacked; the archive was removed",
            known["bytes"],
            known["sha256"],
            known["source"],
        )
    if not target.is_file():
        return None
    status = target.stat()
    if (known.get("bytes"), known.get("mtime_ns")) == (status.st_size, status.st_mtime_ns) and state.locked(
        item.name
    ) in (None, known["sha256"]):
        return Row(
            bundle.set,
            item.name,
            "ok",
            known.get("detail", ""),
            known["bytes"],
            known["sha256"],
            known["source"],
        )
    try:  # put there by hand, or complete when the process died
        return _accept(state, bundle, item, target, target, "found in archives", "")
    except FetchError as failure:
        log.warning("%s: %s; it is fetched anew", target, failure.detail)
        target.unlink()
        return None


def _fetch(means: Means, sources: Sources, state: State, bundle: Bundle, item: Item, target: Path) -> Row:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(item.name + ".partial")
    failures: list[tuple[FetchError, str]] = []
    checkable = bool(item.md5 or item.sha256 or state.locked(item.name))
    for address in sources.addresses(bundle, item):
        for attempt in range(HASH_ATTEMPTS):
            try:
                url = sources.fill(address, item)
                transfer = Transfer(
                    means, Wanted(url, int(item.about_bytes * SLACK) + SLACK_BYTES, checkable), partial
                )
                log.info("%s: fetching from %s", item.name, redact(url))
                transfer.run()
                detail = f"redirected to {transfer.moved_to}" if transfer.moved_to else ""
                row = _accept(state, bundle, item, partial, target, redact(url), detail)
                transfer.journal.clear()
                return row
            except FetchError as failure:
                log.warning("%s: %s", item.name, failure)
                failures.append((failure, redact(address)))
                if failure.status in ("wrong_hash", "wrong_type", "corrupt"):
                    Transfer(means, Wanted("", 0, False), partial).discard()
                if failure.status != "wrong_hash" or attempt + 1 == HASH_ATTEMPTS:
                    break
        if means.stop.is_set():
            break
    if not failures:
        return Row(
            bundle.set, item.name, "missing", "no mirror is named for it, and download.official is false"
        )
    worst, source = min(
        failures,
        key=lambda pair: TELLING.index(pair[0].status) if pair[0].status in TELLING else len(TELLING),
    )
    detail = worst.detail
    if (
        worst.status == "denied"
        and any("{key}" in address for address in item.addresses)
        and KEY_HELP not in detail
    ):
        detail += f"; the key may be wrong or have run out: {KEY_HELP}"
    return Row(
        bundle.set,
        item.name,
        worst.status,
        detail,
        Journal(partial.with_name(partial.name + ".journal")).bytes_done(),
        "",
        source,
    )


def _accept(
    state: State, bundle: Bundle, item: Item, path: Path, target: Path, source: str, detail: str
) -> Row:
    """Check a complete file, move it to its place and remember it. Raises FetchError (wrong_type,
    wrong_hash)."""
    _check_kind(path, item.kind)
    found = digests(path)
    check_digests(item, state.locked(item.name), found)
    if state.locked(item.name) is None:
        state.remember(item.name, found.sha256)
    if path != target:
        os.replace(path, target)
        _sync_folder(target.parent)
    known = {
        "bytes": found.bytes,
        "mtime_ns": target.stat().st_mtime_ns,
        "sha256": found.sha256,
        "source": source,
        "detail": detail,
    }
    state.save(item.name, known)
    return Row(bundle.set, item.name, "ok", detail, found.bytes, found.sha256, source)


def check_digests(item: Item, locked: str | None, found: Digests) -> None:
    """Against what was published, and against what was fetched first. Raises FetchError."""
    for kind, wanted, got in (("md5", item.md5, found.md5), ("sha256", item.sha256, found.sha256)):
        if wanted is not None and wanted != got:
            raise FetchError("wrong_hash", f"{kind} is {got}, published was {wanted}")
    if locked is not None and locked != found.sha256:
        raise FetchError(
            "wrong_hash",
            f"sha256 is {found.sha256}, of the first file fetched it was {locked} (checksums.json)",
        )


def _check_kind(path: Path, kind: str) -> None:
    with path.open("rb") as file:
        head = file.read(2048)
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begins.startswith((b"<!doctype html", b"<html")):
        raise FetchError("wrong_type", "a web page")
    if kind == "zip" and not head.startswith(b"PK\x03\x04"):
        raise FetchError("wrong_type", "does not begin like a zip archive")
    if kind == "gzip" and not head.startswith(b"\x1f\x8b"):
        raise FetchError("wrong_type", "does not begin like a gzip archive")
    if kind == "text" and (b"\0" in head or not head):
        raise FetchError("wrong_type", "no text")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
