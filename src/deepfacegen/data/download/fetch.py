"""Fetch, check and unpack everything in download.sets; each object ends as one row of objects.csv."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from deepfacegen.config.download import DownloadConfig
from deepfacegen.config.schema import Config
from deepfacegen.data.download import catalogue
from deepfacegen.data.download.bundle import forget_removed, is_unpacked, unpack_bundle
from deepfacegen.data.download.catalogue import GB, MB, Bundle
from deepfacegen.data.download.client import Client
from deepfacegen.data.download.folders import FACES, LINKS, folder
from deepfacegen.data.download.item import Addresses, ItemFetch, bytes_on_disk
from deepfacegen.data.download.members import RESERVE_BYTES
from deepfacegen.data.download.pace import ConnectionLimits, RateLimit, RetryPolicy
from deepfacegen.data.download.response import host_of
from deepfacegen.data.download.state import Row, State, locked
from deepfacegen.data.download.terms import KEY_VARIABLE, check_accepted
from deepfacegen.data.download.transfer import TransferContext
from deepfacegen.errors import UserError

log = logging.getLogger(__name__)


def fetch(config: Config, bundles: Sequence[Bundle] | None = None) -> list[Row]:
    """Fetch what is missing of download.sets; the rows of all their objects, fetched or not.

    `bundles` replaces the catalogue in tests. Raises UserError for terms that are not accepted, a full disk,
    or a folder in use.
    """
    settings = config.download
    check_accepted(settings.sets, settings.accept_terms)
    chosen = list(catalogue.bundles(settings.sets) if bundles is None else bundles)
    root = folder(config)
    stop = threading.Event()
    try:
        with locked(root):
            state = State(root)
            for bundle in chosen:
                forget_removed(state, bundle)
            waiting = [bundle for bundle in chosen if not is_unpacked(state, bundle)]
            check_space(waiting, state, settings.keep_archives, root)
            _run(settings, state, waiting, stop)
            for bundle in chosen:
                if bundle.links and is_unpacked(state, bundle):
                    from deepfacegen.data.download.links import crawl  # imports pandas and Pillow

                    trusted = _mirror_hosts(settings)
                    state.record(crawl(settings, root / LINKS, root / FACES / LINKS, trusted, stop))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        detail = "the disk is full; the same command continues from what has been fetched"
        raise UserError(f"{root}: {detail}") from None
    names = {name for bundle in chosen for name in (bundle.name, *(item.name for item in bundle.items))}
    names |= {f"{bundle.name} links" for bundle in chosen if bundle.links}
    return [row for row in state.rows.values() if row.object in names]


def _mirror_hosts(settings: DownloadConfig) -> frozenset[str]:
    """Hosts that the user has named, which may be in a private network."""
    return frozenset(host_of(entry.partition("=")[2]) for entry in settings.mirrors)


def _run(settings: DownloadConfig, state: State, bundles: list[Bundle], stop: threading.Event) -> None:
    """Files are fetched in the order of the catalogue, several at once; a complete archive is unpacked while
    the next ones are fetched.
    """
    # Addresses in plain HTTP: only the catalogue of a test has any, on this machine.
    urls = [address for bundle in bundles for item in bundle.items for address in item.addresses]
    plain = frozenset(host_of(url) for url in urls if url.startswith("http:"))
    limits = ConnectionLimits(settings.parallel, settings.per_host, stop.wait)
    rate = RateLimit(settings.mb_per_second, stop.wait)
    client = Client(limits, rate, settings.timeout_seconds, stop, _mirror_hosts(settings) | plain)
    retry = RetryPolicy(settings.retries, settings.back_off_seconds, stop.wait)
    context = TransferContext(client, retry, settings.parallel, int(settings.segment_mb * MB))
    addresses = Addresses(settings.mirrors, os.environ.get(KEY_VARIABLE) or None, settings.official)
    with ThreadPoolExecutor(settings.parallel) as fetching, ThreadPoolExecutor(1) as unpacking:
        try:
            queued = []
            for bundle in bundles:
                work = [ItemFetch(context, addresses, state, bundle, item) for item in bundle.items]
                queued.append((bundle, [fetching.submit(each.run) for each in work]))
            unpacked: list[Future[None]] = []
            for bundle, futures in queued:
                rows = [future.result() for future in futures]
                missing = [row.object for row in rows if row.status != "ok"]
                if not missing:
                    future = unpacking.submit(unpack_bundle, state, bundle, settings.keep_archives, stop)
                    unpacked.append(future)
                elif bundle.unpack and len(rows) > 1:
                    detail = f"{len(missing)} of {len(rows)} parts are missing, first {missing[0]}"
                    state.record(Row(bundle.set, bundle.name, "not_unpacked", detail))
            for future in unpacked:
                future.result()
        except BaseException:
            stop.set()
            fetching.shutdown(wait=False, cancel_futures=True)
            unpacking.shutdown(wait=False, cancel_futures=True)
            raise


def needed_bytes(bundles: Sequence[Bundle], state: State, keep_archives: bool) -> int:
    """What these still take at their peak, from the catalogue's sizes and from what is there already.

    Archives are unpacked one at a time. A split one loses each part once it is unpacked, so beyond its
    content it takes at most one part; any other archive is on disk twice while it is unpacked.
    """
    final, extra, present = 0, 0, 0
    for bundle in bundles:
        size = bundle.about_bytes
        final += int(size * bundle.grows) + (size if keep_archives else 0)
        extra = max(extra, 0 if keep_archives else max(item.about_bytes for item in bundle.items))
        for item in bundle.items:
            known = state.load(item.name)
            present += int(known["bytes"] * bundle.grows) if known.get("used") else bytes_on_disk(state, item)
    return max(0, final + extra - present)


def check_space(bundles: Sequence[Bundle], state: State, keep_archives: bool, folder: Path) -> None:
    """Raises UserError that states how much is needed and how much is free."""
    needed, free = needed_bytes(bundles, state, keep_archives), shutil.disk_usage(folder).free
    if needed + RESERVE_BYTES > free:
        numbers = f"{needed / GB:.1f} GB are needed (and 1 GB left free), but {free / GB:.1f} GB are free"
        raise UserError(f"{folder}: {numbers}; choose another download.folder or fewer download.sets")


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many objects have each status, and the bytes of those that are there."""
    total = {"objects": len(rows), "bytes": sum(row.bytes for row in rows if row.status == "ok")}
    return {**total, **Counter(row.status for row in rows)}


def failures(rows: Sequence[Row], path: Path) -> str:
    """One line: how many objects are not there, and why the first is not; empty if all are."""
    bad = [row for row in rows if row.status != "ok"]
    if not bad:
        return ""
    first = f"{bad[0].object}: {bad[0].status}, {bad[0].detail}"
    return f"{len(bad)} of {len(rows)} objects are not there; {first} (all in {path})"
