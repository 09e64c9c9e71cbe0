"""The parts: journals after a crash, waits, proxies, parameters, disk space, folders, a killed process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.config.download import DATASETS, SETS
from deepfacegen.config.schema import Config, ConfigError, from_dict
from deepfacegen.data.download import catalogue
from deepfacegen.data.download.failure import STATUSES, FetchError
from deepfacegen.data.download.fetch import fetch, needed_bytes
from deepfacegen.data.download.folders import roots
from deepfacegen.data.download.item import BY_SPECIFICITY
from deepfacegen.data.download.journal import Journal, Version
from deepfacegen.data.download.pace import RateLimit, RetryPolicy
from deepfacegen.data.download.response import host_of, redact, retry_after_seconds
from deepfacegen.data.download.state import State, locked
from deepfacegen.data.download.terms import TERMS, overview
from deepfacegen.errors import UserError
from tests.data.download import made
from tests.data.download.server import Route, Server

ROOT = Path(__file__).resolve().parents[3]
Make = Callable[..., Config]


@given(
    st.integers(1, 50),
    st.integers(1, 9),
    st.lists(st.tuples(st.integers(0, 49), st.integers(0, 9)), max_size=8),
    st.integers(0, 400),
    st.integers(0, 5),
)
def test_journal_lists_only_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    size: int,
    segment_bytes: int,
    adds: list[tuple[int, int]],
    cut: int,
    after: int,
) -> None:
    path = tmp_path_factory.mktemp("j") / "journal"
    version = Version("source", size, '"tag"', segment_bytes)
    journal = Journal(path)
    journal.begin(version)
    listed: dict[int, set[int]] = {}
    for segment, done in adds:
        if segment < version.segments() and done <= version.bounds(segment)[1] - version.bounds(segment)[0]:
            journal.add(segment, done)
            listed.setdefault(segment, set()).add(done)
    os.truncate(path, min(cut, path.stat().st_size))
    again = Journal(path)
    assert again.version in (version, None)
    assert all(done in listed[segment] for segment, done in again.done.items())
    if again.version is not None:  # a line added after the cut is a line of its own
        last = version.segments() - 1
        full = version.bounds(last)[1] - version.bounds(last)[0]
        again.add(last, full)
        assert Journal(path).done[last] == full


def test_rate_limit_adds_up_over_threads() -> None:
    waited: list[float] = []
    rate = RateLimit(0.001, waited.append)
    for _ in range(10):
        rate.take(100)
    assert max(waited) == pytest.approx(1.0, abs=0.2)


def test_waits_stay_below_a_growing_bound_and_follow_retry_after() -> None:
    waited: list[float] = []
    patience = RetryPolicy(5, 2.0, waited.append)
    for attempt in range(12):
        patience.wait(attempt, FetchError("failed", "", temporary=True))
    assert all(0 <= wait <= min(2.0 * 2**k, 120.0) for k, wait in enumerate(waited))
    assert len({round(wait, 6) for wait in waited}) > 6
    patience.wait(0, FetchError("busy", "", temporary=True, after_seconds=30.0))
    assert 30.0 <= waited[-1] <= 30.2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), (None, None), ("soon", None), ("-5", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(text) == seconds


def test_keys_are_not_logged_or_stored(
    server: Server,
    config: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("VOXCELEB_KEY", "s3cret&key")
    server.add("get", b"hello")
    item = catalogue.Item("file", (server.url("get") + "?key={key}&file={file}",), 5, kind="any")
    caplog.set_level("DEBUG")
    (row,) = fetch(config(), [catalogue.Bundle("vox2_test_aac", "b", (item,), "meta")])
    assert row.status == "ok"
    written = [path.read_bytes() for path in (tmp_path / "got").rglob("*") if path.is_file()]
    assert all(b"s3cret" not in data for data in written)
    assert "s3cret" not in caplog.text + str(row)
    assert server.requests[0].path == "/get"
    assert redact("https://h/x?file=a&key=abc") == "https://h/x?file=a&key=***"


def test_proxy_of_the_environment(server: Server, config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is the proxy: it gets full URLs, and user and password from its own URL."""
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server.routes["http://files.invalid/file"] = Route(b"hello")
    item = catalogue.Item("file", ("http://files.invalid/file",), 5, kind="any")
    bundle = catalogue.Bundle("vox2_test_aac", "b", (item,), "meta")
    monkeypatch.setenv("http_proxy", f"http://user:p%40ss@{server.host}")
    monkeypatch.setenv("no_proxy", "files.invalid")
    assert fetch(config(retries=0), [bundle])[0].status == "dead"
    monkeypatch.delenv("no_proxy")
    assert fetch(config(), [bundle])[0].status == "ok"
    headers = {name.lower(): value for name, value in server.requests[0].headers.items()}
    assert headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"  # user:p@ss
    monkeypatch.setenv("http_proxy", "ftp://proxy")
    with pytest.raises(UserError, match="http_proxy"):
        fetch(config(), [bundle])


def test_missing_key_names_the_form(server: Server, config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOXCELEB_KEY", raising=False)
    item = catalogue.Item("file", (server.url("get") + "?key={key}",), 5, kind="any")
    (row,) = fetch(config(), [catalogue.Bundle("vox2_test_aac", "b", (item,), "meta")])
    assert row.status == "denied"
    assert "keyreq/voxceleb" in row.detail
    assert "VOXCELEB_KEY" in row.detail
    assert not server.requests


def test_terms_must_be_accepted(tmp_path: Path) -> None:
    config = from_dict(
        {
            "download": {
                "folder": str(tmp_path / "got"),
                "sets": ["vox2_test_aac"],
                "accept_terms": ["voxceleb1"],
                "official": False,
            }
        }
    )
    with pytest.raises(UserError, match=r"terms of voxceleb2 .*download\.accept_terms"):
        fetch(config)
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"sets": ["vox3"]}, "download.sets"),
        ({"sets": "vox2_meta"}, "download.sets"),
        ({"accept_terms": ["all"]}, "download.accept_terms"),
        ({"mirrors": ["https://h/{file}"]}, "download.mirrors"),
        ({"mirrors": ["vox2_meta=https://h/file"]}, "download.mirrors"),
        ({"mirrors": ["vox2_meta=ftp://h/{file}"]}, "download.mirrors"),
        ({"mirrors": ["vox2_meta=https://h:99999/{file}"]}, "download.mirrors"),
        ({"parallel": 0}, "download.parallel"),
        ({"mb_per_second": 0}, "download.mb_per_second"),
    ],
)
def test_bad_parameters_are_refused(values: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        from_dict({"download": values})


def test_catalogue_terms_and_parameters_name_the_same_sets() -> None:
    assert {bundle.set for bundle in catalogue.BUNDLES} == set(SETS)
    assert set(TERMS) == set(DATASETS)
    assert all(name in overview() for name in (*SETS, *DATASETS))
    names = [item.name for bundle in catalogue.BUNDLES for item in bundle.items] + [
        b.name for b in catalogue.BUNDLES if len(b.items) > 1
    ]
    assert len(names) == len(set(names))
    for bundle in catalogue.BUNDLES:
        assert (bundle.unpack is None) or bundle.items[0].kind in ("zip", "gzip")
        for item in bundle.items:
            assert all(host_of(address).endswith(":443") for address in item.addresses)
            assert item.md5 is None or len(item.md5) == 32
            assert item.sha256 is None or len(item.sha256) == 64
    assert set(BY_SPECIFICITY) <= set(STATUSES)


def test_disk_space_is_checked_before_anything_is_fetched(
    server: Server, config: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    huge = made.one(server, "file", 10**18)
    with pytest.raises(UserError, match=r"GB are needed .* GB are free"):
        fetch(config(), [huge])
    assert not server.requests
    parts = replace(huge, items=tuple(made.item(server, f"p{k}", 100) for k in range(4)))
    assert needed_bytes([parts], State(tmp_path), keep_archives=False) == 500
    assert needed_bytes([parts], State(tmp_path), keep_archives=True) == 800
    assert needed_bytes([parts, huge], State(tmp_path), keep_archives=False) == 400 + 2 * 10**18


def test_two_processes_do_not_share_a_folder(server: Server, config: Make, tmp_path: Path) -> None:
    server.add("file", b"hello")
    with locked(tmp_path / "got"), pytest.raises(UserError, match="another process"):
        fetch(config(), [made.one(server, "file", 5)])
    assert fetch(config(), [made.one(server, "file", 5)])[0].status == "ok"


def test_roots_default_to_the_download_folder() -> None:
    null = from_dict(
        {
            "data": {"source": "voxceleb2"},
            "download": {"sets": ["vox2_test_aac", "vox2_meta", "vggface2_test"], "folder": "/d"},
        }
    )
    assert [str(path) for path in vars(roots(null)).values()] == ["/d/voices", "/d/faces", "/d/meta"]
    assert [str(path) for path in vars(roots(Config())).values()] == [
        "downloads/voices",
        "downloads/faces",
        "downloads/meta",
    ]
    own = from_dict({"data": {"source": "voxceleb2", "voices_root": "v", "faces_root": "f", "metadata": "m"}})
    assert [str(path) for path in vars(roots(own)).values()] == ["v", "f", "m"]


def test_killed_processes_fetch_no_part_twice_and_leave_no_wrong_file() -> None:
    """tools/killed_download.py, with fewer kills than by hand."""
    done = subprocess.run(
        [sys.executable, "tools/killed_download.py", "--kills", "2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("2 kills")
    assert "0 requests for a part that was complete, 0 wrong files" in done.stdout


# Processes that a shell starts in the background ignore interrupts.
FETCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from deepfacegen.cli.main import main
sys.exit(main(["data", "fetch"]))
"""


def test_interrupt_stops_soon(server: Server, config: Make, tmp_path: Path) -> None:
    """Ctrl-C in a real process, while the server stalls."""
    body = os.urandom(300_000)
    route = server.add("vgg_face_dataset.tar.gz", body, drop_after=0)
    route.delay_seconds = 3.0
    params = tmp_path / "params.yaml"
    params.write_text(
        json.dumps(
            {
                "download": {
                    "sets": ["vggface1"],
                    "accept_terms": ["vggface1"],
                    "official": False,
                    "mirrors": [f"*=http://{server.host}/{{file}}"],
                }
            }
        ),
        encoding="utf-8",
    )
    process = subprocess.Popen([sys.executable, "-c", FETCH], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "fetching from" in process.stderr.readline()
    for _ in range(200):
        if server.requests:
            break
        time.sleep(0.05)
    process.send_signal(2)
    assert process.wait(60) == 130
    assert "goes on from here" in process.stderr.read()
