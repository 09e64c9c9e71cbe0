"""The command: exit codes, what it prints, and one line for whatever goes wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from deepfacegen.cli import models
from deepfacegen.cli.main import main
from tests.shared.sounds import RATE_HZ, FakeSystem, write_wav


def run(*words: str | Path, system: FakeSystem | None = None) -> int:
    with mock.patch.object(models, "generator", return_value=system or FakeSystem()):
        return main([str(word) for word in words])


def test_recording_to_face(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("generate", speech, tmp_path / "face.png") == 0
    with Image.open(tmp_path / "face.png") as face:
        assert face.mode == "RGB"
    result = capsys.readouterr()
    assert str(tmp_path / "face.png") in result.out
    assert result.err == ""


def test_count_and_seed_reach_the_system(speech: Path, tmp_path: Path) -> None:
    assert run("generate", speech, tmp_path / "face.png", "--count", "3", "--seed", "7") == 0
    colours = [np.asarray(Image.open(tmp_path / f"face-{k}.png"))[0, 0].tolist() for k in (1, 2, 3)]
    assert [colour[1:] for colour in colours] == [[7, 0], [7, 1], [7, 2]]
    assert not (tmp_path / "face.png").exists()


def test_an_existing_folder_takes_the_face_by_name(speech: Path, tmp_path: Path) -> None:
    assert run("generate", speech, tmp_path) == 0
    assert (tmp_path / "speech.png").is_file()


@pytest.mark.parametrize(
    "words", [("", "face.png"), ("speech.wav", ""), ("speech.wav", "face.png", "--models=")]
)
def test_an_empty_word_is_not_the_current_folder(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run("generate", *words)
    assert caught.value.code == 2
    assert "is empty (a variable of the shell that is not set?)" in capsys.readouterr().err


def test_json_of_one_recording(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("generate", speech, tmp_path / "face.png", "--json")
    result = json.loads(capsys.readouterr().out)
    assert result["faces"] == [str(tmp_path / "face.png")]
    assert result["recording"] == str(speech)
    assert 1.5 <= result["speech_seconds"] <= 10


def test_json_of_a_folder(speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (speech.parent / "empty.mp3").touch()
    assert run("generate", speech.parent, tmp_path / "faces", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    results = str(tmp_path / "faces" / "results.csv")
    assert result == {
        "recordings": 2,
        "already_done": 0,
        "ok": 1,
        "rejected": 1,
        "passed_over": {},
        "results": results,
        "unfamiliar": 0,
    }


def test_a_folder_in_which_nothing_can_be_drawn_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "in" / "silent.wav", np.zeros(RATE_HZ, np.int16))
    assert run("generate", tmp_path / "in", tmp_path / "out") == 1
    assert "1 recordings: 0 ok, 1 rejected" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda p: None, "no such file or folder"),
        (lambda p: p.touch(), "the file is empty"),
        (lambda p: p.write_text("plain text\n" * 40), "cannot be read as sound"),
        (lambda p: write_wav(p, np.zeros(RATE_HZ, np.int16)), "s of speech"),
        (lambda p: p.mkdir(), "no recordings"),
    ],
    ids=["missing", "empty", "text", "silent", "empty folder"],
)
def test_bad_input_is_one_line_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], prepare, message: str
) -> None:
    prepare(tmp_path / "in.wav")
    assert run("generate", tmp_path / "in.wav", tmp_path / "face.png") == 1
    result = capsys.readouterr()
    assert message in result.err
    assert result.err.count("\n") == 1
    assert result.err.startswith("deepfacegen: ")
    assert not (tmp_path / "face.png").exists()


def test_missing_model_says_how_to_get_one(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "generate",
                str(speech),
                str(tmp_path / "face.png"),
                "--models",
                str(tmp_path / "none"),
                "--device",
                "cpu",
            ]
        )
        == 1
    )
    assert "make repro" in capsys.readouterr().err
    assert (
        main(
            [
                "generate",
                str(speech.parent),
                str(tmp_path / "faces"),
                "--models",
                str(tmp_path / "none"),
                "--device",
                "cpu",
            ]
        )
        == 1
    )
    assert "make repro" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["abacus", "meta"])
def test_unusable_device_is_one_line(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["generate", str(speech), str(tmp_path / "face.png"), "--device", name]) == 1
    result = capsys.readouterr().err
    assert result.startswith(f"deepfacegen: --device {name}: cannot be used here (")
    assert result.count("\n") == 1


def test_unwritable_target_is_one_line(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run("generate", speech, tmp_path / "file" / "face.png") == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("workers", ["0", "many", "-1"])
def test_impossible_number_of_workers_is_refused(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", workers)
    assert run("generate", speech.parent, tmp_path / "faces") == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["paint"],
        ["generate"],
        ["generate", "a.wav"],
        ["generate", "a", "b", "--count", "0"],
        ["generate", "a", "b", "--seed", "x"],
        ["compare"],
        ["compare", "a"],
    ],
)
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: deepfacegen" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"], ["compare", "--help"], ["--version"]])
def test_help_and_version_exit_with_0(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deepfacegen", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "deepfacegen" in done.stdout


def test_interrupt_exits_with_130_and_the_next_run_completes(said: np.ndarray, tmp_path: Path) -> None:
    """A real process, a real SIGINT while it works."""
    for k in range(300):
        write_wav(tmp_path / "in" / f"{k:03d}.wav", said)
    script = tmp_path / "slow.py"
    script.write_text(
        "import signal, sys, time, numpy as np\n"
        # a shell ignores it for what it starts in the background
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from deepfacegen.cli import models\n"
        "from deepfacegen.cli.main import main\n"
        "from deepfacegen.release.generator import FromVoices\n"
        "class Grey:\n"
        "    def latents(self, n, seed):\n"
        "        return np.zeros((n, 1), np.float32)\n"
        "    def run(self, voices, latents):\n"
        "        time.sleep(0.2)\n"
        "        faces = np.full((len(voices), len(latents), 8, 8, 3), 128, np.uint8)\n"
        "        return FromVoices(faces, np.zeros((len(voices), 1), np.float32), [None] * len(voices))\n"
        "models.generator = lambda *_: Grey()\n"
        "sys.exit(main(sys.argv[1:]))\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(script), "generate", str(tmp_path / "in"), str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    table = tmp_path / "out" / "results.csv"
    while not (table.exists() and table.read_bytes().count(b"\n") > 1) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    drawn = len(list((tmp_path / "out").glob("*.png")))
    assert 0 < drawn < 300
    for k in range(drawn, 300):
        (tmp_path / "in" / f"{k:03d}.wav").unlink(missing_ok=True)
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["ok"] == json.loads(done.stdout)["recordings"]
    assert json.loads(done.stdout)["already_done"] > 0
