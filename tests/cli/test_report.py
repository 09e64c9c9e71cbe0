"""`deepfacegen report`: where the page is, made anew through DVC, and served to this machine only."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepfacegen.cli import report
from deepfacegen.cli.main import main
from tests.shared import stub


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report").mkdir()
    (tmp_path / "secret.txt").write_text("not of the report", encoding="utf-8")
    (tmp_path / "report/index.html").write_text("<p>the page</p>", encoding="utf-8")
    return tmp_path / "report/index.html"


def test_the_path_is_printed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    assert capsys.readouterr().out == "report/index.html\n"
    assert main(["report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"page": "report/index.html", "address": page.as_uri()}


def test_open_hands_the_page_to_the_browser(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(report.webbrowser, "open", lambda address: bool(opened.append(address)))
    assert main(["report", "--open"]) == 0
    assert opened == [page.as_uri()]
    assert page.as_uri() in capsys.readouterr().err  # no browser came up, so the address is printed


def test_no_page_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 1
    assert capsys.readouterr().err.startswith("deepfacegen: report/index.html: no such page; ")
    assert main(["report", "--rebuild"]) == 1
    assert capsys.readouterr().err.startswith("deepfacegen: dvc.yaml: no such file")


def test_rebuild_goes_through_dvc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = stub.project(tmp_path / "project")
    monkeypatch.chdir(folder)
    assert main(["report", "--rebuild"]) == 0
    assert capfd.readouterr().out == "report/index.html\n"
    assert "made anew" in (folder / "report/index.html").read_text(encoding="utf-8")
    assert "report" in (folder / "dvc.lock").read_text(encoding="utf-8")


@pytest.fixture
def served(page: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    script = (
        "import signal, sys\n"
        # a shell ignores it for what it starts in the background
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from deepfacegen.cli.main import main\n"
        "sys.exit(main(['report', '--serve', '--port', '0', '--json']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process, json.loads(process.stdout.readline())["address"]
    process.kill()
    process.communicate()


def test_serve_shows_the_report_and_nothing_else(served: tuple[subprocess.Popen[str], str]) -> None:
    process, address = served
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"<p>the page</p>"
    for path in ("../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(address + path)
        assert caught.value.code == 404
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_port_that_is_taken_is_one_line(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind((report.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["report", "--serve", "--port", str(port)]) == 1
    result = capsys.readouterr()
    assert result.err.startswith(f"deepfacegen: --port {port}: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_an_impossible_port_is_wrong_usage(page: Path, port: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["report", "--serve", "--port", port])
    assert caught.value.code == 2
