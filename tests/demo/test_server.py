"""A server that asks nobody and keeps nothing."""

from __future__ import annotations

import json
import os
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepfacegen import VoiceToFace
from deepfacegen.demo.people import People
from deepfacegen.errors import UserError
from tests.shared.ports import free_port

pytestmark = pytest.mark.xdist_group("demo")  # importing gradio takes seconds in each process


@pytest.fixture(scope="module")
def address(model: VoiceToFace, people: People) -> Iterator[str]:
    pytest.importorskip("gradio")
    from deepfacegen.demo import server as demo_server

    with demo_server.served(model, people, "127.0.0.1", free_port()) as found:
        yield found


def get(url: str, data: Any = None) -> tuple[int, dict[str, str], bytes]:
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return (
                answer.status,
                {name.lower(): value for name, value in answer.headers.items()},
                answer.read(),
            )
    except urllib.error.HTTPError as error:
        return error.code, {}, error.read()


def test_the_page_names_no_other_host_and_forbids_asking_one(address: str) -> None:
    status, headers, body = get(f"{address}/")
    assert status == 200
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert b"fonts.googleapis.com" not in body
    assert json.loads(get(f"{address}/config")[2])["analytics_enabled"] is False
    style = get(f"{address}/theme.css")[2].decode()
    assert "--primary-500" in style
    assert re.findall(r"""@import|url\(\s*["']?(?:https?:)?//""", style) == []


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../etc/passwd",
        "/gradio_api/file=params.yaml",
        "/docs",
    ],
)
def test_no_file_of_this_machine_is_served(address: str, path: str) -> None:
    status, _, body = get(f"{address}{path}")
    assert status in (403, 404)
    assert b"root:" not in body


def said_by_queue(address: str, given: dict[str, Any]) -> str:
    """What comes of a request that the page itself would never make: `given` in the file's place."""
    config = json.loads(get(f"{address}/config")[2])
    upload = next(
        fn for fn in config["dependencies"] if any(target[1] == "upload" for target in fn["targets"])
    )
    join = {
        "data": [given],
        "fn_index": upload["id"],
        "session_hash": "abc",
        "trigger_id": None,
        "event_data": None,
    }
    assert get(f"{address}/gradio_api/queue/join", join)[0] == 200
    response = get(f"{address}/gradio_api/queue/data?session_hash=abc")[2].decode()
    return next(line for line in response.splitlines() if "process_completed" in line)


def test_the_server_fetches_no_address_that_it_is_given(address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(1)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/a.wav"
        response = said_by_queue(
            address, {"path": url, "url": url, "orig_name": "a.wav", "meta": {"_type": "gradio.FileData"}}
        )
        assert '"success":false' in response
        assert "only files that are sent" in response
        with pytest.raises(TimeoutError):
            trap.accept()


def test_the_server_reads_no_file_that_was_not_sent(address: str, speech: Path) -> None:
    response = said_by_queue(
        address, {"path": str(speech), "orig_name": "a.wav", "meta": {"_type": "gradio.FileData"}}
    )
    assert '"success":false' in response
    assert "data:image" not in response


def test_a_port_that_is_taken_is_one_line(address: str, model: VoiceToFace) -> None:
    from deepfacegen.demo import server as demo_server

    with (
        pytest.raises(UserError, match="try another port"),
        demo_server.served(model, None, "127.0.0.1", int(address.rpartition(":")[2])),
    ):
        pass


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("192.0.2.1", "try 127.0.0.1 or 0.0.0.0"),
        ("no such host", "no such address"),
        ("a" * 70 + ".example", "no such address"),
    ],
)
def test_an_address_that_is_not_this_machines_is_one_line(host: str, what: str) -> None:
    pytest.importorskip("gradio")
    from deepfacegen.demo import server as demo_server

    with pytest.raises(UserError, match=what) as caught:
        demo_server.check_free(host, free_port())
    assert str(caught.value).startswith(f"--host {host}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_proxy_to_other_hosts_is_not_in_the_way(
    model: VoiceToFace, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The page looks for itself when it starts; a proxy, which many networks have, does not lead back to
    it."""
    pytest.importorskip("gradio")
    from deepfacegen.demo import server as demo_server

    try:
        demo_server.check_free(host, 0)
    except UserError:
        pytest.skip("no IPv6 here")
    for key in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(key, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "example.org")
    port = free_port()
    with demo_server.served(model, None, host, port) as address:
        assert address == f"http://{f'[{host}]' if ':' in host else host}:{port}"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{address}/", timeout=60) as answer:
            assert answer.status == 200
    assert os.environ["no_proxy"] == "example.org"
