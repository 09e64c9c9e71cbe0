"""A release in a real registry, served by the real `mlflow models serve`: right and wrong requests, many at
once, and who is the champion."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.cli.main import main
from deepfacegen.server import publish as publishing
from tests.shared import released
from tests.shared.sounds import RATE_HZ, write_wav
from tests.test_architecture import PACKAGE, SRC, third_party

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.server, pytest.mark.xdist_group("published")]


@pytest.fixture(scope="module")
def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve_load", ROOT / "tools/serve_load.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["serve_load"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def place(corpus: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a trained release, in three versions of different figures, and a registry in which
    nothing is yet."""
    folder = tmp_path_factory.mktemp("published")
    models = released.train(corpus, folder)
    first = released.release(corpus, models, folder / "first", released.cell(0.80, 0.03))
    for name, grouped in (("same", released.cell(0.82, 0.03)), ("better", released.cell(0.85, 0.03))):
        released.another(first, folder / name, grouped)
    wanted = {
        "DVC_ROOT": str(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
    }
    with pytest.MonkeyPatch.context() as patch:
        for key in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME", "RANK"):
            patch.delenv(key, raising=False)
        for key, value in wanted.items():
            patch.setenv(key, value)
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def server(place: Path, load_tool: ModuleType) -> Iterator[Any]:
    assert main(["publish", "first"]) == 0
    with load_tool.served("models:/deepfacegen@champion", place / "server.log") as started:
        yield started


@pytest.fixture(scope="module")
def sound() -> str:
    return publishing.example()


def test_an_answer_holds_the_face_that_the_python_api_draws(place: Path, server: Any, sound: str) -> None:
    status, body = server.ask(
        json.dumps({"dataframe_records": [{"audio": sound}], "params": {"count": 2, "seed": 5}})
    )
    assert status == 200, body
    (result,) = json.loads(body)["predictions"]
    generated = VoiceToFace.load(place / "first", "cpu").generate(base64.b64decode(sound), count=2, seed=5)
    faces = [np.asarray(Image.open(io.BytesIO(base64.b64decode(face)))) for face in result["faces"]]
    for face, own in zip(faces, generated.faces, strict=True):
        np.testing.assert_allclose(
            face.astype(int), np.asarray(own).astype(int), atol=1
        )  # another process may round otherwise
    assert result["voice"]["typicality"] == pytest.approx(generated.voice.typicality, abs=1e-6)
    assert result["voice"]["pitch_hz"] == pytest.approx(generated.voice.pitch_hz)
    assert result["speech_seconds"] == pytest.approx(generated.speech_seconds, abs=0.01)


def wav(seconds: float, folder: Path) -> bytes:
    return write_wav(folder / "made.wav", np.zeros(int(seconds * RATE_HZ), np.int16)).read_bytes()


def test_wrong_requests_get_a_4xx_that_says_what_is_wrong(server: Any, sound: str, tmp_path: Path) -> None:
    def sent(content: bytes) -> str:
        return json.dumps({"dataframe_records": [{"audio": base64.b64encode(content).decode()}]})

    playlist = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
    concat = b"ffconcat version 1.0\nfile /etc/hostname\n"
    by_model = {
        "not base64": (json.dumps({"dataframe_records": [{"audio": "%%%"}]}), "audio: is not base64"),
        "empty": (json.dumps({"dataframe_records": [{"audio": ""}]}), "audio: give a sound file"),
        "no number": (
            json.dumps({"dataframe_records": [{"audio": sound}], "params": {"count": 99}}),
            "count: must be a whole number from 1 to 16",
        ),
        "second row": (json.dumps({"inputs": {"audio": [sound, "%%%"]}}), "row 2: audio: is not base64"),
        "text": (sent(b"plain text\n" * 100), "the recording: "),
        "silence": (sent(wav(3, tmp_path)), "s of speech"),
        "playlist": (sent(playlist), "the recording: "),
        "concat": (sent(concat), "the recording: "),
    }
    for name, (body, message) in by_model.items():
        status, answer = server.ask(body)
        result = json.loads(answer)
        assert (name, status) == (name, 400)
        assert message in result["message"], name
        assert "\n" not in result["message"], name
        assert "stack_trace" not in result, name
    by_server = {
        "no json": ("no json", "application/json", 400, "valid JSON"),
        "nothing": ("", "application/json", 400, "valid JSON"),
        "wrong column": (
            json.dumps({"dataframe_records": [{"sound": sound}]}),
            "application/json",
            400,
            "missing inputs ['audio']",
        ),
        "wrong type": (
            json.dumps({"dataframe_records": [{"audio": sound}], "params": {"seed": "x"}}),
            "application/json",
            400,
            "seed",
        ),
        "wrong content": (sound, "text/plain", 415, "content types"),
    }
    for name, (body, content_type, expected, message) in by_server.items():
        status, answer = server.ask(body, content_type)
        assert (name, status) == (name, expected)
        assert message in answer.decode(), name
    assert server.ask(json.dumps({"dataframe_records": [{"audio": sound}]}))[0] == 200


def test_many_at_once_are_all_answered(server: Any, load_tool: ModuleType, sound: str) -> None:
    result = load_tool.load(server, sound, clients=8, seconds=1.0)
    assert (result["lost"], result["lost_first"]) == (0, [])
    assert result["requests"] >= 8
    assert result["resident_bytes"]["end"] < result["resident_bytes"]["start"] + 200 * 2**20


def test_what_is_registered_is_whole_and_holds_no_pickle(place: Path, server: Any) -> None:
    from mlflow.models import Model

    found = VoiceToFace.load("models:/deepfacegen@champion", "cpu")
    assert found.card == (place / "first/card.md").read_text(encoding="utf-8")
    (folder,) = {path.parent for path in (place / "mlartifacts").rglob("MLmodel")}
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        "served.py",
        "artifacts/release/config.json",
        "code/deepfacegen/api/voice_to_face.py",
        "requirements.txt",
        "input_example.json",
    } <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".pth", ".joblib"))]
    result = Model.load(str(folder))
    assert result.signature.inputs.input_names() == ["audio"]
    assert [spec.name for spec in result.signature.params.params] == ["count", "seed", "size_px"]
    assert result.signature.outputs.input_names() == ["faces", "speech_seconds", "voice", "note"]
    lines = (folder / "requirements.txt").read_text().split()
    assert f"torch=={publishing.installed('torch')}" in lines
    assert all("==" in line for line in lines)


def test_requirements_are_what_the_served_code_imports() -> None:
    names = third_party(SRC / PACKAGE / "server/served.py") - set(sys.stdlib_module_names)
    owners = packages_distributions()
    imported = {next(o for o in owners[n] if "mlflow-" not in o).lower() for n in names}
    assert {name.lower() for name in publishing.REQUIREMENTS} == imported | {
        "silero-vad"
    }  # which carries the speech detector's weights


def test_the_alias_moves_only_to_what_is_better_by_more_than_chance(
    place: Path, server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Version 1, served above, is the champion; `same` lies within its interval, `better` above it."""

    def publish(release: str) -> dict[str, Any]:
        assert main(["publish", release, "--json"]) == 0
        assert "MLFLOW_REGISTRY_URI" not in os.environ, "where others look for models stays as it was"
        result = capsys.readouterr()
        assert result.err == ""
        return json.loads(result.out)

    again = publish("first")
    assert (again["version"], again["published"], again["moved"]) == (1, False, False)
    same = publish("same")
    assert (same["version"], same["moved"]) == (2, False)
    assert "stays at version 1: 82.0 % [79.0, 85.0] does not lie above 80.0 % as a whole" in same["champion"]
    better = publish("better")
    assert (better["version"], better["moved"]) == (3, True)
    assert (
        better["champion"]
        == "the alias champion now names it: 85.0 % [82.0, 88.0] lies above 80.0 % [77.0, 83.0]"
    )


def test_without_a_release_it_says_what_to_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "nowhere"]) == 1
    result = capsys.readouterr().err
    assert "nowhere: no release there; make one with `dvc repro release`" in result
    assert result.count("\n") == 1


def test_a_store_that_cannot_be_reached_is_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place / 'file/mlflow.db'}")
    assert main(["publish", "first"]) == 1
    result = capsys.readouterr().err
    assert result.startswith("deepfacegen: ")
    assert result.count("\n") == 1


def test_the_load_tool_refuses_what_would_be_too_much() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/serve_load.py"), "--clients", "1000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "at most 200 clients" in done.stderr
