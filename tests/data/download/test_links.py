"""VGGFace's lists: most links dead, each outcome counted, no settled link tried twice."""

from __future__ import annotations

import io
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from deepfacegen.config.schema import Config
from deepfacegen.data.download.catalogue import Bundle
from deepfacegen.data.download.fetch import fetch
from deepfacegen.data.download.link_records import read_list, read_outcomes
from deepfacegen.data.download.links import crawl
from deepfacegen.errors import UserError
from tests.data.download import made
from tests.data.download.server import Server

Make = Callable[..., Config]
PEOPLE = ("Ann_Lee", "Bob_Ray", "Cy_O'Hara", "Dee_St._John", "Eve_Fox")


def photo(seed: int, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (24, 30), random.Random(seed).randbytes(24 * 30 * 3)).save(out, kind)
    return out.getvalue()


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def make_lists(server: Server) -> tuple[dict[str, list[str]], Counter[str]]:
    """Lists of 40 links each, 24 of them dead, and the expected number of each status."""
    unreachable = f"http://127.0.0.1:{closed_port()}"
    placeholder = photo(9999)
    lists: dict[str, list[str]] = {}
    expected: Counter[str] = Counter()
    for p, name in enumerate(PEOPLE):
        urls = []
        for k in range(40):
            path = f"{p}/{k}.jpg"
            url, status = server.url(path), "dead"
            if k < 18:  # nothing is served there: 404
                pass
            elif k < 24:
                url = f"{unreachable}/{path}"
            elif k == 24:
                status = "placeholder"
                server.add(path, placeholder, kind="image/jpeg")
            elif k in (25, 26):
                status = "ok" if k == 25 else "duplicate"
                server.add(path, photo(1000 + p), kind="image/jpeg")
            elif k == 27:
                status = "ok"
                server.add(path, photo(2000 + p, "PNG"), kind="image/jpeg")
            elif k == 28:
                status = "wrong_type"
                server.add(path, b"<html>gone</html>", kind="image/jpeg")
            elif k == 29:
                status = "corrupt"
                server.add(path, photo(3000 + p)[:500], kind="image/jpeg")
            elif k == 30:
                status = "moved"
                server.add(path, redirect="/home")
            elif k == 31:
                status = "denied"
                server.add(path, status=403)
            else:
                status = "ok"
                server.add(path, photo(100 * p + k), kind="text/plain")
            urls.append(f"{k:08} {url} 1.5 2.25 13 24 2.10 3.02 1")
            expected[status] += 1
        urls += ["", "garbage", "00000001 http://x/ 1 2 3 4 5 6 1"]
        expected["malformed"] += 2
        lists[name] = urls
    server.add("home", b"<html>welcome</html>", kind="text/html")
    return lists, expected


def bundle(server: Server, lists: dict[str, list[str]]) -> Bundle:
    data = made.tarred(
        {f"vgg_face_dataset/files/{name}.txt": "\n".join(urls).encode() for name, urls in lists.items()}
        | {"vgg_face_dataset/README": b"x"}
    )
    server.add("vgg_face_dataset.tar.gz", data)
    item = made.item(server, "vgg_face_dataset.tar.gz", len(data), kind="gzip")
    return Bundle(
        "vggface1", "vgg_face_dataset", (item,), "vggface1/lists", "tar", "vgg_face_dataset/", links=True
    )


def test_every_link_is_counted(server: Server, config: Make, tmp_path: Path) -> None:
    lists, expected = make_lists(server)
    trusted = [f"*=http://{server.host}/none/{{file}}"]
    settings = config(mirrors=trusted, retries=1)
    dead_port = lists["Ann_Lee"][20].split("127.0.0.1:")[1].split("/")[0]
    settings = config(mirrors=[*trusted, f"*=http://127.0.0.1:{dead_port}/{{file}}"], retries=1)
    rows = {row.object: row for row in fetch(settings, [bundle(server, lists)])}
    table = pd.read_parquet(tmp_path / "got/vggface1/links.parquet")
    assert Counter(table["status"]) == expected
    assert sum(expected[status] for status in ("dead",)) / (40 * len(PEOPLE)) == 0.6
    assert rows["vgg_face_dataset links"].status == "ok"
    assert f"{expected['ok']} ok" in rows["vgg_face_dataset links"].detail
    ok = table[table["status"] == "ok"]
    on_disk = {
        path.relative_to(tmp_path / "got/faces/vggface1").as_posix()
        for path in (tmp_path / "got/faces/vggface1").rglob("*")
        if path.suffix in (".jpg", ".png")
    }
    assert set(ok["path"]) == on_disk
    for row in ok.itertuples():
        data = (tmp_path / "got/faces/vggface1" / str(row.path)).read_bytes()
        assert (made.sha256(data), len(data), (row.width_px, row.height_px)) == (
            row.sha256,
            row.size_bytes,
            (24, 30),
        )
        assert str(row.path) in (f"{row.face_id}/{row.link_id}.jpg", f"{row.face_id}/{row.link_id}.png")
        assert (
            row.left_px,
            row.top_px,
            row.right_px,
            row.bottom_px,
            row.pose,
            row.detection_score,
            row.curation,
        ) == (1.5, 2.25, 13, 24, 2.1, 3.02, 1)
    count = len(server.requests)
    first = table
    fetch(settings, [bundle(server, lists)])
    assert len(server.requests) == count
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "got/vggface1/links.parquet"), first)


def write_lists(root: Path, lists: dict[str, list[str]]) -> None:
    (root / "lists").mkdir(parents=True)
    for name, urls in lists.items():
        (root / "lists" / f"{name}.txt").write_text("\n".join(urls), encoding="utf-8")


def test_interrupted_run_continues(server: Server, config: Make, tmp_path: Path) -> None:
    """Also when the last line of a journal was cut off."""
    lists = {"Ann_Lee": [f"{k} {server.url(f'{k}.jpg')} 1 2 3 4 5 6 1" for k in range(30)]}
    for k in range(30):
        server.add(f"{k}.jpg", photo(k))
    root, stop = tmp_path / "v", threading.Event()
    write_lists(root, lists)
    trusted = frozenset({server.host})
    crawl(config().download, root, root / "p", trusted, stop)
    journal = root / "journal/Ann_Lee.csv"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) // 2])
    left = 30 - len(read_outcomes(root, "Ann_Lee"))
    assert 10 < left < 20
    count = len(server.requests)
    assert crawl(config().download, root, root / "p", trusted, stop).status == "ok"
    assert len(server.requests) == count + left
    assert (pd.read_parquet(root / "links.parquet")["status"] == "ok").all()


def test_busy_links_are_retried_by_the_next_run(server: Server, config: Make, tmp_path: Path) -> None:
    write_lists(tmp_path / "v", {"Ann_Lee": [f"1 {server.url('1.jpg')} 1 2 3 4 5 6 1"]})
    route = server.add("1.jpg", photo(1), status=503)
    row = crawl(
        config().download, tmp_path / "v", tmp_path / "p", frozenset({server.host}), threading.Event()
    )
    assert "1 busy" in row.detail
    route.status = 200
    assert (
        crawl(
            config().download, tmp_path / "v", tmp_path / "p", frozenset({server.host}), threading.Event()
        ).status
        == "ok"
    )


def test_slow_and_large_links_fail(server: Server, config: Make, tmp_path: Path) -> None:
    write_lists(
        tmp_path / "v", {"Ann_Lee": [f"{k} {server.url(f'{k}.jpg')} 1 2 3 4 5 6 1" for k in range(3)]}
    )
    server.add("0.jpg", photo(1), stall_after=10, stall_times=9)
    server.add("1.jpg", bytes(31 << 20))
    server.add("2.jpg", photo(2), drop_after=100, drop_times=9)
    crawl(
        config(retries=0).download,
        tmp_path / "v",
        tmp_path / "p",
        frozenset({server.host}),
        threading.Event(),
    )
    assert list(pd.read_parquet(tmp_path / "v/links.parquet")["status"]) == [
        "truncated",
        "too_large",
        "truncated",
    ]


def test_links_into_a_private_network_are_not_followed(server: Server, config: Make, tmp_path: Path) -> None:
    server.add("1.jpg", photo(1))
    urls = [
        server.url("1.jpg"),
        f"http://localhost:{server.host.split(':')[1]}/1.jpg",
        "file:///etc/passwd",
        "http://[::1]:1/",
        "http://x:99999/",
        "rubbish",
    ]
    write_lists(tmp_path / "v", {"Ann_Lee": [f"{k} {url} 1 2 3 4 5 6 1" for k, url in enumerate(urls)]})
    crawl(config(retries=0).download, tmp_path / "v", tmp_path / "p", frozenset(), threading.Event())
    table = pd.read_parquet(tmp_path / "v/links.parquet")
    assert not server.requests
    assert list(table["status"]) == ["denied", "denied", "dead", "denied", "dead", "dead"]


def test_without_network_no_link_is_marked_dead(
    config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_name(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    write_lists(
        tmp_path / "v", {"Ann_Lee": [f"{k} http://host{k}.invalid/a.jpg 1 2 3 4 5 6 1" for k in range(200)]}
    )
    with pytest.raises(UserError, match="is there a network"):
        crawl(config(retries=0).download, tmp_path / "v", tmp_path / "p", frozenset(), threading.Event())
    assert not read_outcomes(tmp_path / "v", "Ann_Lee")


def test_addresses_may_contain_blanks(tmp_path: Path) -> None:
    (tmp_path / "A_B.txt").write_text("7 http://h/a b.jpg 1 2 3 4 2 1.5 0\n", encoding="utf-8")
    (link,) = read_list(tmp_path / "A_B.txt")
    assert (link.url, link.numbers) == ("http://h/a b.jpg", (1.0, 2.0, 3.0, 4.0, 2.0, 1.5, 0.0))


def test_blanks_and_accents_are_encoded(server: Server, config: Make, tmp_path: Path) -> None:
    write_lists(tmp_path / "v", {"Ann_Lee": [f"1 {server.url('a bé.jpg?x=1 2')} 1 2 3 4 5 6 1"]})
    server.add("a%20b%C3%A9.jpg", photo(1))
    trusted = frozenset({server.host})
    row = crawl(config().download, tmp_path / "v", tmp_path / "p", trusted, threading.Event())
    assert (row.status, len(server.requests_for("a%20b%C3%A9.jpg"))) == ("ok", 1)
