"""Mistyped words: the nearest command, option, choice, preset or system is named, on the one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfacegen.cli.main import main
from deepfacegen.errors import UserError, did_you_mean
from deepfacegen.systems import registry

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("generat x.wav y.png", "invalid choice: 'generat'; did you mean generate?"),
        ("data fetc", "invalid choice: 'fetc'; did you mean fetch?"),
        ("completion bsh", "invalid choice: 'bsh'; did you mean bash?"),
        ("generate x.wav y.png --sise 64", "unrecognized arguments: --sise 64; did you mean --size?"),
        ("generate x.wav y.png --jsn", "unrecognized arguments: --jsn; did you mean --json?"),
        ("--versoin", "command; --versoin is no option; did you mean --version?"),
        ("who --nmae=Ann=a.wav x.mp4", "required: --name; --nmae is no option; did you mean --name?"),
        ("generate x.wav y.png --size 100", "invalid choice: 100 (choose from 64, 128, 256)"),
        ("generate x.wav y.png more", "unrecognized arguments: more"),
        ("generate x.wav y.png --qqqq", "unrecognized arguments: --qqqq"),
    ],
)
def test_the_parser_names_the_nearest_word(words: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(line)


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("preset few_peple", "did you mean few_people?"),
        ("evaluate spech2face", "did you mean speech2face?"),
        ("evaluate nothing-like-it", "speech2face, svhf)"),
    ],
)
def test_names_of_presets_and_systems(
    words: str, end: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(words.split()) == 1
    result = capsys.readouterr().err
    assert (result.count("\n"), result.rstrip().endswith(end)) == (1, True)


def test_a_system_that_is_to_be_loaded() -> None:
    with pytest.raises(UserError, match=r"pin: unknown system .*; did you mean pins\?"):
        registry.load("pin")
    with pytest.raises(UserError, match=r"cylcegan: unknown refiner .*; did you mean cyclegan\?"):
        registry.refiner("cylcegan")


def test_case_does_not_matter_and_what_is_far_off_gets_no_suggestion() -> None:
    assert did_you_mean("GENERATE", ["generate", "retrieve"]) == "; did you mean generate?"
    assert did_you_mean("x", ["generate", "retrieve"]) == ""
    assert did_you_mean("anything", []) == ""
