"""What the demo says and does, without a browser: words, figures, people, the command, and a server that asks
nobody and keeps nothing."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepfacegen import VoiceToFace
from deepfacegen.api.voice_to_face import Age, VoiceReport
from deepfacegen.cli import demo as command
from deepfacegen.cli.main import main
from deepfacegen.demo import generate
from deepfacegen.demo import html as demo_html
from deepfacegen.demo import people as demo_people
from deepfacegen.demo.people import People
from deepfacegen.errors import UserError
from tests.shared.ports import free_port
from tests.shared.sounds import RATE_HZ, write_wav

pytestmark = pytest.mark.xdist_group("demo")  # importing gradio takes seconds in each process


class Parts(HTMLParser):
    """Tags, their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def pictures(self, begins: str = "") -> list[str]:
        return [
            str(attributes["src"])
            for tag, attributes in self.tags
            if tag == "img" and str(attributes["alt"]).startswith(begins)
        ]


@pytest.fixture(scope="module")
def model(release: Path) -> VoiceToFace:
    return VoiceToFace.load(release, "cpu")


@pytest.fixture(scope="module")
def people() -> People:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "identity_id": [f"id{k}" for k in range(9)],
            "gender": ["f", "m", None] * 3,
            "age_years": [31.2, np.nan, 70.0] * 3,
        }
    )
    real, generated = (
        rng.integers(0, 255, shape, dtype=np.uint8) for shape in ((9, 8, 8, 3), (9, 2, 8, 8, 3))
    )
    return People(table, real, generated, rng.integers(-99, 99, (9, 1600)).astype(np.int16))


def test_a_recording_gives_faces_an_interpolation_lengths_and_neighbours(
    model: VoiceToFace, speech: Path
) -> None:
    parts = Parts(generate.respond(model, str(speech), 0))
    generated = parts.pictures("generated face")
    assert len(generated) == len(set(generated)) == generate.FACES
    between = [
        face
        for k in range(generate.STEPS)
        for face in parts.pictures(f"{k / (generate.STEPS - 1):.0%} of the way")
    ]
    assert [between[0], between[-1]] == generated[:2]
    assert len(set(between)) == generate.STEPS
    assert len(parts.pictures("from 1.5 s")) == len(parts.pictures("from 3 s")) == 1
    assert parts.pictures("from 6 s") == []  # the recording holds less
    assert len(parts.pictures("training person")) == generate.NEIGHBOURS
    assert all(str(attributes["src"]).startswith("data:") for tag, attributes in parts.tags if tag == "img")
    assert "Typicality" in parts.text


def test_the_seed_changes_the_faces_and_nothing_else_does(model: VoiceToFace, speech: Path) -> None:
    first, again, other = (generate.respond(model, str(speech), seed) for seed in (0, 0, 1))
    assert first == again
    assert not set(Parts(first).pictures("generated face")) & set(Parts(other).pictures("generated face"))


def test_a_release_without_people_shows_no_neighbours(model: VoiceToFace, speech: Path) -> None:
    bare = VoiceToFace(model._system, model.config, model.card, model._traits, None)
    parts = Parts(generate.respond(bare, str(speech), 0))
    assert parts.pictures("training person") == []
    assert len(parts.pictures("generated face")) == generate.FACES


@pytest.mark.parametrize("seed", [-5, 2**40])
def test_a_seed_out_of_range_is_clipped(model: VoiceToFace, speech: Path, seed: int) -> None:
    assert len(Parts(generate.respond(model, str(speech), seed)).pictures("generated face")) == generate.FACES


def test_what_cannot_be_used_is_a_line_in_which_nothing_is_markup(model: VoiceToFace, tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(b"text, " * 99)
    parts = Parts(generate.respond(model, str(path), 0, "<img src=x onerror=alert(1)>.wav"))
    assert [tag for tag, _ in parts.tags] == ["div", "p"]
    assert "<img src=x onerror=alert(1)>.wav: cannot be read as sound" in parts.text
    assert dict(parts.tags[1][1])["role"] == "alert"
    assert "no recording yet" in Parts(generate.respond(model, None, 0)).text


def test_recordings_longer_than_five_minutes_are_refused(model: VoiceToFace, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", np.zeros(301 * RATE_HZ, np.int16))
    assert "lasts longer than 5 minutes" in Parts(generate.respond(model, str(path), 0)).text


def test_noise_between_two_draws_keeps_its_deviation() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 4000))
    between = generate.interpolate(first, second, 9)
    assert between.dtype == np.float32
    assert np.allclose(between[[0, -1]], [first, second], atol=1e-5)
    assert between.std(axis=1) == pytest.approx(1, abs=0.05)
    steps = np.linalg.norm(np.diff(between, axis=0), axis=1)
    assert steps == pytest.approx(steps.mean(), rel=0.01)


REPORT = VoiceReport({"f": 0.2, "m": 0.8}, Age(41.4, 29.6, 55.5), 0.37, 118.2)


@pytest.mark.parametrize(
    ("voice", "present", "absent"),
    [
        (REPORT, ["sounds like a man: 80%", "41 years", "interval: 30 to 56", "118 Hz", "37%"], ["trust"]),
        (replace(REPORT, apparent_gender={"f": 0.9999, "m": 0.0001}), ["sounds like a woman: 99%"], ["100%"]),
        (
            replace(REPORT, apparent_gender=None, apparent_age=None, pitch_hz=None),
            ["37%"],
            ["gender", "years", "Hz"],
        ),
        (replace(REPORT, typicality=0.01), ["trust the faces less"], []),
    ],
)
def test_estimates_have_their_uncertainty(voice: VoiceReport, present: list[str], absent: list[str]) -> None:
    text = Parts(demo_html.estimates(voice)).text
    assert [word for word in present if word not in text] == []
    assert [word for word in absent if word in text] == []


def test_figures_stand_side_by_side_for_unseen_and_seen_people(model: VoiceToFace) -> None:
    parts = Parts(demo_html.metrics(model.figures))
    centred = model.figures["matching_centred"]
    for group in ("ungrouped", "gender"):
        unseen, seen = (f"{100 * centred[group][name]['accuracy']:.1f}" for name in ("unseen", "seen"))
        assert parts.text.index(unseen) < parts.text.index(seen)
    assert parts.text.index("unseen people") < parts.text.index(
        "seen people", parts.text.index("unseen people") + 6
    )
    assert "knowing the gender alone" in parts.text


def test_figures_that_are_missing_leave_no_hole() -> None:
    cell = {"accuracy": 0.5, "ci95_low": None, "ci95_high": None}
    text = Parts(demo_html.metrics({"matching_centred": {"ungrouped": {"unseen": cell}}, "oracle": {}})).text
    assert "50.0" in text
    assert "gender alone" not in text


@pytest.mark.parametrize(("source", "word"), [("sample", "synthetic"), ("voxceleb2", "real people")])
def test_the_warning_names_the_kind_of_training_data(source: str, word: str) -> None:
    text = Parts(demo_html.head(source)).text
    assert "identifies nobody" in text
    assert word in text


def test_people_come_a_page_at_a_time_by_eye_and_ear(people: People) -> None:
    assert people.pages == 3
    for number, names in ((0, range(4)), (1, range(4, 8)), (2, [8]), (7, [8]), (-1, range(4))):
        parts = Parts(demo_people.page_html(people, number))
        assert [attributes["aria-label"] for tag, attributes in parts.tags if tag == "audio"] == [
            f"voice of id{k}" for k in names
        ]
        assert len(parts.pictures("real face")) == len(names)
        assert len(parts.pictures("generated from")) == 2 * len(names)
    text = Parts(demo_people.page_html(people, 0)).text
    assert "woman, 31 years" in text
    assert "gender not listed, 70 years" in text
    assert "nan" not in text


def evaluated(root: Path, people: People, source: str = "sample") -> Path:
    folder = root / "data" / "evaluate" / "cgan"
    folder.mkdir(parents=True)
    people.table.to_parquet(folder / "unseen.parquet")
    np.savez(folder / "unseen.npz", true=people.real, drawn=people.generated, speech=people.speech)
    (root / "metrics" / "evaluate").mkdir(parents=True)
    (root / "metrics" / "evaluate" / "cgan.json").write_text(json.dumps({"data": {"source": source}}))
    return folder


def test_people_are_read_from_where_the_evaluation_left_them(people: People, tmp_path: Path) -> None:
    assert demo_people.read(tmp_path) is None
    folder = evaluated(tmp_path, people)
    found = demo_people.read(tmp_path)
    assert found is not None
    assert demo_people.page_html(found, 1) == demo_people.page_html(people, 1)
    (folder / "unseen.npz").write_bytes(b"damaged")
    with pytest.raises(UserError, match="dvc repro evaluate@cgan"):
        demo_people.read(tmp_path)


def test_real_people_are_never_shown(people: People, tmp_path: Path) -> None:
    evaluated(tmp_path, people, "voxceleb2")
    assert demo_people.read(tmp_path) is None


def test_without_gradio_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = command.importlib.util.find_spec
    monkeypatch.setattr(
        command.importlib.util,
        "find_spec",
        lambda name, *more: None if name == "gradio" else find(name, *more),
    )
    assert main(["demo"]) == 1
    assert (
        capsys.readouterr().err
        == "deepfacegen: the demo needs gradio, which is not installed: pip install 'deepfacegen[demo]'\n"
    )


def test_the_command_line_itself_does_without_gradio() -> None:
    code = "import sys; from deepfacegen.cli.main import parser; parser(); sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "words", [["demo", "--port", "0"], ["demo", "--port", "x"], ["demo", "--port", "65536"]]
)
def test_impossible_ports_are_wrong_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_a_missing_release_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("gradio")
    assert main(["demo", "--release", str(tmp_path / "none")]) == 1
    assert "dvc repro release" in capsys.readouterr().err


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


def test_settings_for_other_pages_of_gradio_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {
        "GRADIO_SERVER_PORT": "abc",
        "GRADIO_ALLOWED_PATHS": "/",
        "GRADIO_SHARE": "true",
        "GRADIO_ROOT_PATH": "/faces",
    }.items():
        monkeypatch.setenv(key, value)
    command.clear_gradio_environment()
    assert {name: value for name, value in os.environ.items() if name.startswith("GRADIO_")} == {
        "GRADIO_ROOT_PATH": "/faces"
    }
