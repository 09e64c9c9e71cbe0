"""VGGFace's images, link by link. Most links are dead, so many are tried at once, each for a short time.

Each outcome is recorded at once, and an interrupted run continues with the links that have none.
"""

from __future__ import annotations

import hashlib
import io
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from deepfacegen.config.download import DownloadConfig
from deepfacegen.data.download.client import Client
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.link_records import (
    SETTLED,
    Link,
    Outcome,
    append_outcome,
    list_files,
    read_list,
    read_outcomes,
    repair_journal,
    write_table,
)
from deepfacegen.data.download.pace import ConnectionLimits, RateLimit, RetryPolicy
from deepfacegen.data.download.response import host_of
from deepfacegen.data.download.state import Row, replacing
from deepfacegen.errors import UserError

log = logging.getLogger(__name__)

MAX_BYTES = 30 << 20
MAX_PIXELS = 60_000_000
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}
GIVE_UP_HOST_AFTER = 3  # failed connections; a host may have thousands of links
MAX_RETRY_AFTER_SECONDS = 60.0
NO_NETWORK_AFTER = 50  # unreachable hosts, if no host was reached
LOG_EVERY = 2000


def crawl(
    settings: DownloadConfig, root: Path, images: Path, trusted: frozenset[str], stop: threading.Event
) -> Row:
    """Try every link of the lists below root/lists that is not settled; the row that summarises them.

    Images go to <Name>/<id>.jpg below `images`, the table to root/links.parquet.
    """
    lists = list_files(root / "lists")
    limits = ConnectionLimits(settings.link_parallel, settings.per_host, stop.wait, GIVE_UP_HOST_AFTER)
    rate = RateLimit(settings.mb_per_second, stop.wait)
    client = Client(limits, rate, settings.link_timeout_seconds, stop, trusted)
    retries = min(settings.retries, 1)
    retry = RetryPolicy(retries, settings.back_off_seconds, stop.wait, MAX_RETRY_AFTER_SECONDS)
    (root / "journal").mkdir(parents=True, exist_ok=True)
    waiting, lock = _waiting(root, lists), threading.Lock()
    held: list[Outcome] = []  # dead hosts, until one is reached: this machine may be offline

    def keep(outcome: Outcome) -> None:
        if outcome.status == "dead" and not limits.any_host_reached:
            held.append(outcome)
            if len(held) >= NO_NETWORK_AFTER:
                raise UserError(f"vggface1: none of {len(held)} hosts responds; is there a network?")
            return
        while held:
            append_outcome(root, held.pop())
        append_outcome(root, outcome)

    def worker() -> None:
        while not stop.is_set():
            with lock:
                link = next(waiting, None)
            if link is None:
                return
            outcome = fetch_link(client, retry, images, link)
            if not stop.is_set():
                with lock:
                    keep(outcome)

    with ThreadPoolExecutor(settings.link_parallel) as pool:
        futures = [pool.submit(worker) for _ in range(settings.link_parallel)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            raise
    for outcome in held:
        append_outcome(root, outcome)
    return write_table(root, images, lists)


def _waiting(root: Path, lists: list[Path]) -> Iterator[Link]:
    count = 0
    for path in lists:
        repair_journal(root, path.stem)
        outcomes = read_outcomes(root, path.stem)
        settled = {link_id for link_id, outcome in outcomes.items() if outcome.status in SETTLED}
        for link in read_list(path):
            if not link.malformed and link.id not in settled:
                count += 1
                if count % LOG_EVERY == 0:
                    log.info("vggface1: %d links tried, now at %s", count, path.stem)
                yield link


def fetch_link(client: Client, retry: RetryPolicy, images: Path, link: Link) -> Outcome:
    """Fetch one link and save its image."""

    def attempt() -> Outcome:
        data = _read(client, link.url)
        suffix, width, height = check_image(data)
        place = f"{link.name}/{link.id}{suffix}"
        with replacing(images / place) as partial:
            partial.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        return Outcome(link.name, link.id, "ok", "", place, sha256, len(data), width, height)

    try:
        return retry.call(attempt)
    except FetchError as failure:
        return Outcome(link.name, link.id, failure.status, failure.detail)


def _read(client: Client, url: str) -> bytes:
    """The body, within three time-outs. Raises FetchError."""
    deadline = time.monotonic() + 3 * client.timeout_seconds
    body = io.BytesIO()
    with client.open(url) as response:
        host = host_of(response.url)
        if (response.length or 0) > MAX_BYTES:
            raise FetchError("too_large", f"{response.length} bytes")
        while True:
            try:
                chunk = response.read(client.rate.chunk_bytes(1 << 16))
            except FetchError as failure:
                raise FetchError("truncated", failure.detail, temporary=True) from None
            if not chunk:
                break
            body.write(chunk)
            client.rate.take(len(chunk))
            if body.tell() > MAX_BYTES:
                raise FetchError("too_large", f"more than {MAX_BYTES} bytes")
            if time.monotonic() > deadline or client.stop.is_set():
                raise FetchError("failed", f"{host}: took too long")
        if response.length is not None and body.tell() != response.length:
            raise FetchError(
                "truncated", f"received {body.tell()} of {response.length} bytes", temporary=True
            )
        if response.moved and response.is_web_page:
            raise FetchError("moved", f"redirected to a web page of {host}")
    return body.getvalue()


def check_image(data: bytes) -> tuple[str, int, int]:
    """Suffix, width and height, by the bytes, whatever type the server states.

    Decodes the whole image. Raises FetchError: wrong_type, too_large, corrupt.
    """
    if not data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        page = data.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html", b"<head", b"<?xml"))
        raise FetchError("wrong_type", "a web page" if page else "neither JPEG nor PNG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=tuple(SUFFIXES)) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise FetchError("too_large", f"{width} x {height} pixels")
                image.load()
                return SUFFIXES[str(image.format)], width, height
    except FetchError:
        raise
    except Exception as error:  # Pillow raises many kinds for broken files
        raise FetchError("corrupt", f"cannot be decoded ({type(error).__name__})") from None
