"""`deepfacegen completion`: a real shell completes with it."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
from pathlib import Path

import pytest

from deepfacegen.cli import main

COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_shtab_deepfacegen
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as result:
        assert main.main(["completion", shell]) == 0
    return result.getvalue()


def completed(folder: Path, *words: str) -> set[str]:
    """What bash offers for the last of `words`, typed in `folder`."""
    (folder / "completion.sh").write_text(script("bash"), encoding="utf-8")
    command = ["bash", "--norc", "-c", COMPLETE, "bash", "completion.sh", *words]
    return set(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split())


def test_bash_completes_commands_options_choices_and_files(tmp_path: Path) -> None:
    (tmp_path / "speech.wav").touch()
    commands = {name for action in main.parser()._actions if action.choices for name in action.choices}
    assert completed(tmp_path, "deepfacegen", "") == commands
    assert completed(tmp_path, "deepfacegen", "gen") == {"generate"}
    assert completed(tmp_path, "deepfacegen", "generate", "--s") == {"--seed", "--size"}
    assert completed(tmp_path, "deepfacegen", "completion", "") == {"bash", "zsh"}
    assert "speech.wav" in completed(tmp_path, "deepfacegen", "generate", "spe")


def test_bash_completes_the_presets_of_the_project_that_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "params").mkdir()
    for name in (
        "params/few_people.yaml",
        "params/paper.yaml",
        "params/notes.txt",
        "mine.yaml",
        "params.yaml",
    ):
        (tmp_path / name).touch()
    assert completed(tmp_path, "deepfacegen", "preset", "") == {"few_people", "paper"}
    assert completed(tmp_path, "deepfacegen", "preset", "pap") == {"paper"}
    assert completed(tmp_path, "deepfacegen", "preset", "mi") == {"mine.yaml"}
    assert completed(tmp_path, "deepfacegen", "preset", "--d") == {"--diff"}


def test_zsh_gets_a_script_for_every_command() -> None:
    text = script("zsh")
    assert text.startswith("#compdef deepfacegen\n")
    assert all(f"_shtab_deepfacegen_{name}_options" in text for name in ("generate", "evaluate", "report"))
    if zsh := shutil.which("zsh"):
        subprocess.run([zsh, "-n"], input=text, check=True, text=True)


def test_an_unknown_shell_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["completion", "fish"])
    assert caught.value.code == 2
    assert "bash" in capsys.readouterr().err
