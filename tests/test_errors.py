"""What is shown when something is wrong: names on one line, and an end without noise when nobody reads on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepfacegen.errors import UserError, printable, reason, utf8

NAMES = {
    "plain é 名前.wav": "plain é 名前.wav",
    "new\nline\r.wav": "new\\nline\\r.wav",
    " \u202egnp.wav": " \\u202egnp.wav",
    "\x1b[31mred.wav": "\\x1b[31mred.wav",
    os.fsdecode(b"caf\xe9.wav"): "caf\\xe9.wav",
    "zero\u200bwidth.wav": "zero\\u200bwidth.wav",
}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_shown_on_one_line_without_what_cannot_be_seen(name: str) -> None:
    assert printable(name) == printable(Path(name)) == NAMES[name]
    assert str(UserError(f"{name}: no such file")) == f"{NAMES[name]}: no such file"
    assert reason(UserError(f"{name}: the file is empty"), Path(name)) == "the file is empty"


def test_a_table_keeps_a_name_as_it_is_if_it_is_text() -> None:
    assert {name: utf8(name) for name in NAMES} == {name: name.replace("\udce9", "\\xe9") for name in NAMES}


COMMANDS = [
    ["--help"],
    ["generate", "--help"],
    ["retrieve", "--help"],
    ["--version"],
    ["who", "nothing.mp4"],
    ["generate", "none.wav", "x.png"],
]


def _run(words: list[str], **streams: int) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        check=False,
        timeout=60,
        **streams,
    )  # type: ignore[call-overload]


def _closed() -> int:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("words", COMMANDS[:4], ids=" ".join)
def test_a_reader_that_went_away_ends_a_command_without_a_word(words: list[str]) -> None:
    writing = _closed()
    done = _run(["-m", "deepfacegen", *words], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("words", COMMANDS[-1:], ids=" ".join)
def test_so_does_one_whose_messages_nobody_reads(words: list[str]) -> None:
    writing = _closed()
    done = _run(["-m", "deepfacegen", *words], stdout=writing, stderr=writing)
    os.close(writing)
    assert done.returncode == 141


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_are_not_open_end_no_command(closed: str) -> None:
    call = f"{sys.executable} -m deepfacegen --help {closed}; echo $?"
    done = _run(["-c", f"import os; os.system({call!r})"], stdout=subprocess.PIPE)
    assert done.stdout.split()[-1] == b"0"


def test_a_full_disk_behind_the_output_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full:
        done = _run(["-m", "deepfacegen", "--help"], stdout=full.fileno(), stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"standard output: No space left on device\n")


def test_output_that_the_encoding_does_not_have_is_escaped() -> None:
    script = "import sys; from deepfacegen.errors import exit_code\n"
    script += "sys.exit(exit_code(lambda: sys.stdout.write('\\udce9 \\u540d') * 0))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\\udce9 \\u540d", b"")


def test_the_parameters_of_a_stage_may_be_cut_short() -> None:
    root = Path(__file__).resolve().parents[1]
    writing = _closed()
    done = subprocess.run(
        [sys.executable, "stages/audio.py", "--dry-run"],
        cwd=root,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
