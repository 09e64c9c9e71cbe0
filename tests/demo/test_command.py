"""The command `demo`: what is missing is one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepfacegen.cli import demo as command
from deepfacegen.cli.main import main

pytestmark = pytest.mark.xdist_group("demo")  # importing gradio takes seconds in each process


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
