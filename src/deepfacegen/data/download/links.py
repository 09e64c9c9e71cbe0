"""VGGFace's pictures, link by link. Most links are dead, so many are tried at once, each for a short time,
and every outcome is remembered.
 `journal/<Name>.csv` grows by a line for each link that is settled; a run that was stopped goes on with the
 others. `links.parquet` tells of all.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deepfacegen.config.download import DownloadConfig
from deepfacegen.data.download.client import Client, host_of
from deepfacegen.data.download.failure import FetchError
from deepfacegen.data.download.link_journal import SETTLED, Outcome, mend, recall, remember
from deepfacegen.data.download.link_lists import Link, list_files, read_list
from deepfacegen.data.download.link_table import write_table
from deepfacegen.data.download.pace import Gates, Rate
from deepfacegen.data.download.pictures import examine
from deepfacegen.data.download.state import Row
from deepfacegen.errors import UserError

log = logging.getLogger(__name__)

MOST_BYTES = 30 << 20
GIVE_UP_HOST_AFTER = (
    3  # a name without address, or a machine that does not answer, is not waited for thousands of times
)
LONGEST_PAUSE_SECONDS = 60.0
NOBODY_AFTER = 50
TOLD_EVERY = 2000


@dataclass(frozen=True)
class Means:
    client: Client
    rate: Rate
    retries: int
    back_off_seconds: float
    seconds: float
    stop: threading.Event


def crawl(
    settings: DownloadConfig, root: Path, pictures: Path, trusted: frozenset[str], stop: threading.Event
) -> Row:
    """Try every link of the lists below root/lists that is not settled.

    Pictures go to <Name>/<id>.jpg below `pictures`, the table to root/links.parquet.
    """
    lists = list_files(root / "lists")
    gates = Gates(settings.link_parallel, settings.per_host, stop.wait, GIVE_UP_HOST_AFTER)
    rate = Rate(settings.mb_per_second * 1e6 if settings.mb_per_second is not None else None, stop.wait)
    client = Client(gates, settings.link_timeout_seconds, trusted)
    means = Means(
        client,
        rate,
        min(settings.retries, 1),
        settings.back_off_seconds,
        3 * settings.link_timeout_seconds,
        stop,
    )
    (root / "journal").mkdir(parents=True, exist_ok=True)
    waiting, lock = _waiting(root, lists), threading.Lock()
    held: list[
        Outcome
    ] = []  # dead hosts, before any host was reached: it may be this machine that has no network

    def keep(outcome: Outcome) -> None:
        if outcome.status == "dead" and not gates.anyone_reached:
            held.append(outcome)
            if len(held) >= NOBODY_AFTER:
                raise UserError(
                    f"vggface1: none of the first {len(held)} hosts can be reached; is there a network?"
                )
            return
        while held:
            remember(root, held.pop())
        remember(root, outcome)

    def worker() -> None:
        while not stop.is_set():
            with lock:
                link = next(waiting, None)
            if link is None:
                return
            outcome = settle(means, pictures, link)
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
        remember(root, outcome)
    return write_table(root, pictures, lists)


def _waiting(root: Path, lists: list[Path]) -> Iterator[Link]:
    count = 0
    for path in lists:
        mend(root, path.stem)
        done = {link_id for link_id, outcome in recall(root, path.stem).items() if outcome.status in SETTLED}
        for link in read_list(path):
            if not link.malformed and link.id not in done:
                count += 1
                if count % TOLD_EVERY == 0:
                    log.info("vggface1: %d links tried, now at %s", count, path.stem)
                yield link


def settle(means: Means, pictures: Path, link: Link) -> Outcome:
    """Fetch one link; what came of it. A host that asks for patience is asked once more, if it does not want
    long."""
    for attempt in range(means.retries + 1):
        try:
            data = _read(means, link.url)
            picture = examine(data)
        except FetchError as failure:
            asked = failure.after_seconds or 0.0
            if (
                failure.temporary
                and attempt < means.retries
                and asked <= LONGEST_PAUSE_SECONDS
                and not means.stop.is_set()
            ):
                means.stop.wait(max(asked, means.back_off_seconds))
                continue
            return Outcome(link.name, link.id, failure.status, failure.detail)
        place = f"{link.name}/{link.id}{picture.suffix}"
        _write(pictures / place, data)
        return Outcome(
            link.name,
            link.id,
            "ok",
            "",
            place,
            hashlib.sha256(data).hexdigest(),
            len(data),
            picture.width_px,
            picture.height_px,
        )
    raise AssertionError("unreachable")


def _read(means: Means, url: str) -> bytes:
    """The body, within the time that one link may take. Raises FetchError."""
    deadline = time.monotonic() + means.seconds
    body = io.BytesIO()
    with means.client.open(url) as answer:
        if (answer.length or 0) > MOST_BYTES:
            raise FetchError("too_large", f"{answer.length} bytes")
        while True:
            try:
                chunk = answer.body.read1(means.rate.chunk_bytes(1 << 16))
            except Exception as error:  # OSError, http.client.IncompleteRead
                raise FetchError(
                    "truncated", f"{host_of(answer.url)}: {type(error).__name__}", temporary=True
                ) from None
            if not chunk:
                break
            body.write(chunk)
            means.rate.take(len(chunk))
            if body.tell() > MOST_BYTES:
                raise FetchError("too_large", f"more than {MOST_BYTES} bytes")
            if time.monotonic() > deadline or means.stop.is_set():
                raise FetchError("failed", f"{host_of(answer.url)}: takes too long")
        if answer.length is not None and body.tell() != answer.length:
            raise FetchError("truncated", f"{body.tell()} of {answer.length} bytes came", temporary=True)
        if answer.moved and answer.is_web_page:
            raise FetchError("moved", f"redirected to a web page of {host_of(answer.url)}")
    return body.getvalue()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    os.replace(partial, path)
