"""For each fault of a server, an object ends as ok with the right bytes or as a row with the reason."""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepfacegen.config.schema import Config
from deepfacegen.data.download.fetch import fetch
from deepfacegen.data.download.pace import RateLimit
from deepfacegen.data.download.state import Row
from tests.data.download import made
from tests.data.download.server import Server

BODY = random.Random(1).randbytes(450_000)  # five segments
Make = Callable[..., Config]


def got(tmp_path: Path, name: str = "file") -> bytes:
    return (tmp_path / "got/meta" / name).read_bytes()


def only(rows: list[Row]) -> Row:
    assert len(rows) == 1
    return rows[0]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"drop_after": 70_000, "drop_times": 6},
        {"drop_after": 0, "drop_times": 3},
        {"stall_after": 30_000, "stall_times": 2},
        {"status": 503, "status_times": 2, "retry_after": "0"},
        {"status": 429, "status_times": 2, "retry_after": "1"},
        {"status": 500, "status_times": 2},
        {"ranges": False},
        {"ranges": False, "drop_after": 300_000, "drop_times": 2},
        {"ranges": False, "length": "chunked"},
        {"ranges": False, "length": "none"},
        {"etag": None},
        {"wrong_times": 1},
        {"wrong_range_times": 2},
    ],
    ids=str,
)
def test_temporary_faults_are_retried(
    server: Server, config: Make, tmp_path: Path, fault: dict[str, Any]
) -> None:
    server.add("file", BODY, **fault)
    row = only(fetch(config(), [made.one(server, "file", len(BODY), sha256=made.sha256(BODY))]))
    assert (row.status, row.sha256, row.bytes) == ("ok", made.sha256(BODY), len(BODY))
    assert got(tmp_path) == BODY
    assert not list((tmp_path / "got/archives").iterdir())


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"status": 404}, "dead", "404"),
        ({"status": 410}, "dead", "410"),
        ({"status": 401}, "denied", "401"),
        ({"status": 403}, "denied", "403"),
        ({"status": 429}, "busy", "429"),
        ({"status": 503}, "busy", "503"),
        ({"status": 503, "retry_after": "86400"}, "busy", "retry after 86400 s"),
        ({"status": 500}, "failed", "500"),
        ({"drop_after": 0, "drop_times": 99}, "failed", "127.0.0.1"),
        ({"stall_after": 0, "stall_times": 99}, "failed", "timed out"),
        ({"wrong_times": 99}, "wrong_hash", "published: "),
        ({"kind": "text/html"}, "wrong_type", "web page"),
        ({"body": b"<!DOCTYPE html><p>Please log in</p>"}, "wrong_type", "web page"),
        ({"redirect": "/file"}, "moved", "redirects"),
        ({"redirect": "ftp://127.0.0.1/x"}, "moved", "not a web address"),
        ({"redirect": "/elsewhere"}, "moved", "404"),
        ({"length": "too_long", "ranges": False}, "truncated", "450000 of 451000"),
        ({"zeros": 70_000_000}, "too_large", "70000000 bytes"),
    ],
    ids=str,
)
def test_permanent_faults_become_a_row(
    server: Server, config: Make, tmp_path: Path, fault: dict[str, Any], status: str, words: str
) -> None:
    server.add("file", **({"body": bytes(fault["zeros"])} if "zeros" in fault else {"body": BODY, **fault}))
    size = 100_000 if status == "too_large" else len(BODY)
    row = only(fetch(config(retries=1), [made.one(server, "file", size, md5=made.md5(BODY))]))
    assert row.status == status
    assert words in row.detail
    assert not (tmp_path / "got/meta/file").exists()
    table = list(csv.DictReader((tmp_path / "got/objects.csv").read_text(encoding="utf-8").splitlines()))
    assert [(entry["object"], entry["status"]) for entry in table] == [("file", status)]


def test_unreachable_server_is_dead(server: Server, config: Make) -> None:
    server.http.server_close()
    row = only(fetch(config(retries=1), [made.one(server, "file", 10)]))
    assert row.status == "dead"


def test_unknown_length_without_checksum_is_not_accepted(server: Server, config: Make) -> None:
    server.add("file", BODY, ranges=False, length="none")
    row = only(fetch(config(), [made.one(server, "file", len(BODY))]))
    assert row.status == "truncated"


def test_retry_after_is_respected(server: Server, config: Make) -> None:
    server.add("file", BODY, status=429, status_times=1, retry_after="1")
    began = time.monotonic()
    assert only(fetch(config(), [made.one(server, "file", len(BODY))])).status == "ok"
    assert time.monotonic() - began >= 1.0


def test_first_checksum_is_required_afterwards(server: Server, config: Make, tmp_path: Path) -> None:
    server.add("file", BODY)
    bundle = made.one(server, "file", len(BODY))
    assert only(fetch(config(), [bundle])).status == "ok"
    (tmp_path / "got/meta/file").unlink()
    server.add("file", BODY[::-1])
    row = only(fetch(config(), [bundle]))
    assert row.status == "wrong_hash"
    assert "checksums.json" in row.detail
    server.add("file", BODY)
    assert only(fetch(config(), [bundle])).status == "ok"
    assert got(tmp_path) == BODY


def test_complete_files_are_not_requested_again(server: Server, config: Make) -> None:
    server.add("file", BODY)
    bundle = made.one(server, "file", len(BODY))
    first = fetch(config(), [bundle])
    count = len(server.requests)
    again = fetch(config(), [bundle])
    assert [(row.object, row.status, row.sha256) for row in again] == [
        (row.object, row.status, row.sha256) for row in first
    ]
    assert len(server.requests) == count
    assert server.sent("file") == len(BODY)


def test_file_put_into_archives_by_hand_is_checked_and_used(
    server: Server, config: Make, tmp_path: Path
) -> None:
    (tmp_path / "got/archives").mkdir(parents=True)
    (tmp_path / "got/archives/file").write_bytes(BODY)
    assert only(fetch(config(), [made.one(server, "file", len(BODY), md5=made.md5(BODY))])).status == "ok"
    assert got(tmp_path) == BODY
    assert not server.requests


def test_wrong_file_put_into_archives_by_hand_is_replaced(
    server: Server, config: Make, tmp_path: Path
) -> None:
    server.add("file", BODY)
    (tmp_path / "got/archives").mkdir(parents=True)
    (tmp_path / "got/archives/file").write_bytes(BODY[:-1] + b"x")
    assert only(fetch(config(), [made.one(server, "file", len(BODY), md5=made.md5(BODY))])).status == "ok"
    assert got(tmp_path) == BODY


def test_mirror_is_tried_first(server: Server, config: Make, tmp_path: Path) -> None:
    server.add("file", BODY)
    server.add("mirror/file", BODY[::-1])
    mirror = f"vox2_test_aac=http://{server.host}/mirror/{{file}}"
    row = only(fetch(config(mirrors=[mirror]), [made.one(server, "file", len(BODY), md5=made.md5(BODY))]))
    assert (row.status, row.source) == ("ok", server.url("file"))
    assert server.requests[0].path == "/mirror/file"
    assert got(tmp_path) == BODY


def test_redirect_is_followed_and_recorded(server: Server, config: Make, tmp_path: Path) -> None:
    server.add("file", redirect="/new/place")
    server.add("new/place", BODY)
    row = only(fetch(config(), [made.one(server, "file", len(BODY))]))
    assert (row.status, row.detail) == ("ok", f"redirected to {server.host}")
    assert got(tmp_path) == BODY


def test_limits_on_connections_hold(server: Server, config: Make) -> None:
    server.add("file", BODY, delay_seconds=0.02)
    assert (
        only(
            fetch(config(parallel=8, per_host=2, segment_mb=0.02), [made.one(server, "file", len(BODY))])
        ).status
        == "ok"
    )
    assert 1 <= server.open_most <= 3  # a closed connection may be counted a moment longer by the server


def test_rate_limit_holds() -> None:
    """Four times 500 bytes at 1,000 bytes per second take two seconds."""
    waits: list[float] = []
    began = time.monotonic()
    rate = RateLimit(0.001, sleep=waits.append)
    for _ in range(4):
        rate.take(500)
    assert rate.free_at - began >= 2.0
    assert waits == sorted(waits)
    assert 0 < waits[0] <= 0.5
    assert len(waits) == 4


def test_file_with_a_rate_limit(server: Server, config: Make) -> None:
    server.add("file", BODY)
    assert only(fetch(config(mb_per_second=3.0), [made.one(server, "file", len(BODY))])).status == "ok"
