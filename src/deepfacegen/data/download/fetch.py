"""Everything that download.sets asks for: fetched, checked, unpacked, and told as one row per object."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from deepfacegen.config.download import DownloadConfig
from deepfacegen.config.schema import Config
from deepfacegen.data.download import catalogue
from deepfacegen.data.download.bundle import is_unpacked, unpack_bundle
from deepfacegen.data.download.catalogue import Bundle
from deepfacegen.data.download.client import Client, host_of
from deepfacegen.data.download.folders import FACES, LINKS, folder
from deepfacegen.data.download.item import Sources, fetch_item
from deepfacegen.data.download.pace import Gates, Patience, Rate
from deepfacegen.data.download.space import check_space
from deepfacegen.data.download.state import Row, State, alone
from deepfacegen.data.download.terms import KEY_VARIABLE, check_accepted
from deepfacegen.data.download.transfer import Means
from deepfacegen.errors import UserError

log = logging.getLogger(__name__)
MB = 10**6


def fetch(config: Config, bundles: Sequence[Bundle] | None = None) -> list[Row]:
    """Fetch what is missing of download.sets; the rows of all their objects, fetched or not, as objects.csv
    has them.

    `bundles` stands in for the catalogue in tests. Raises UserError for terms that are not accepted, a full
    disk, or a folder in use.
    """
    settings = config.download
    check_accepted(settings.sets, settings.accept_terms)
    chosen = list(catalogue.bundles(settings.sets) if bundles is None else bundles)
    below = folder(config)
    stop = threading.Event()
    try:
        with alone(below):
            state = State(below)
            waiting = [bundle for bundle in chosen if not is_unpacked(state, bundle)]
            check_space(waiting, state, settings.keep_archives, below)
            _run(settings, state, waiting, stop)
            for bundle in chosen:
                if bundle.links and is_unpacked(state, bundle):
                    from deepfacegen.data.download.links import (
                        crawl,  # brings in pandas and Pillow, which nothing else here needs
                    )

                    state.tell(crawl(settings, below / LINKS, below / FACES / LINKS, trusted(settings), stop))
            names = {
                name for bundle in chosen for name in (bundle.name, *(item.name for item in bundle.items))
            }
            names |= {f"{bundle.name} links" for bundle in chosen if bundle.links}
            return [row for row in state.rows.values() if row.object in names]
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"{below}: the disk is full; what has come so far stays, and the same command goes on from there"
            ) from None
        raise


def trusted(settings: DownloadConfig) -> frozenset[str]:
    """Hosts that the user has named, which may stand in a private network."""
    return frozenset(host_of(entry.partition("=")[2]) for entry in settings.mirrors)


def means(settings: DownloadConfig, stop: threading.Event, trust: frozenset[str]) -> Means:
    rate = Rate(settings.mb_per_second * MB if settings.mb_per_second is not None else None, stop.wait)
    gates = Gates(settings.parallel, settings.per_host, stop.wait)
    patience = Patience(settings.retries, settings.back_off_seconds, stop.wait)
    segment_bytes = int(settings.segment_mb * MB)
    return Means(
        Client(gates, settings.timeout_seconds, trust), rate, patience, settings.parallel, segment_bytes, stop
    )


def _run(settings: DownloadConfig, state: State, bundles: list[Bundle], stop: threading.Event) -> None:
    """Files come in the order of the catalogue, a few at once; an archive is unpacked when it is complete,
    while the next ones come."""
    shared = means(settings, stop, trusted(settings) | _own(bundles))
    sources = Sources(settings.mirrors, os.environ.get(KEY_VARIABLE) or None, settings.official)
    with ThreadPoolExecutor(settings.parallel) as fetching, ThreadPoolExecutor(1) as unpacking:
        try:
            coming = [
                (
                    bundle,
                    [
                        fetching.submit(fetch_item, shared, sources, state, bundle, item)
                        for item in bundle.items
                    ],
                )
                for bundle in bundles
            ]
            unpacked: list[Future[None]] = []
            for bundle, futures in coming:
                rows = [future.result() for future in futures]
                if all(row.status == "ok" for row in rows):
                    unpacked.append(
                        unpacking.submit(unpack_bundle, state, bundle, settings.keep_archives, stop)
                    )
                elif bundle.unpack and len(rows) > 1:
                    lacking = [row.object for row in rows if row.status != "ok"]
                    state.tell(
                        Row(
                            bundle.set,
                            bundle.name,
                            "not_unpacked",
                            f"{len(lacking)} of {len(rows)} parts are missing, first {lacking[0]}",
                        )
                    )
            for future in unpacked:
                future.result()
        except BaseException:
            stop.set()
            fetching.shutdown(wait=False, cancel_futures=True)
            unpacking.shutdown(wait=False, cancel_futures=True)
            raise


def _own(bundles: list[Bundle]) -> frozenset[str]:
    """Hosts of addresses that are written in plain HTTP: only a test's catalogue has such, on this
    machine."""
    plain = [
        address
        for bundle in bundles
        for item in bundle.items
        for address in item.addresses
        if urlsplit(address).scheme == "http"
    ]
    return frozenset(host_of(address) for address in plain)


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """How many objects ended how, and the bytes of those that are there."""
    found: dict[str, int] = {
        "objects": len(rows),
        "bytes": sum(row.bytes for row in rows if row.status == "ok"),
    }
    for row in rows:
        found[row.status] = found.get(row.status, 0) + 1
    return found


def failures(rows: Sequence[Row], path: Path) -> str:
    """One line that says how many objects are not there and why the first is not; empty if all are."""
    bad = [row for row in rows if row.status != "ok"]
    return (
        f"{len(bad)} of {len(rows)} objects are not there; {bad[0].object}: {bad[0].status}, {bad[0].detail} (all in {path})"
        if bad
        else ""
    )
