"""The command `completion`: a script with which a shell completes commands and options."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from deepfacegen.cli import options

SHELLS = ("bash", "zsh")
DESCRIPTION = """\
Print a script with which a shell completes commands and options of deepfacegen.

bash, in ~/.bashrc:    source <(deepfacegen completion bash)
zsh, in ~/.zshrc:      source <(deepfacegen completion zsh)    (after compinit)
"""


def add_parsers(commands: Any) -> None:
    """The command `completion`."""
    parser = options.command(commands, "completion", "print a script for shell completion", DESCRIPTION)
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script; returns the exit code."""
    import shtab

    _complete_files(arguments.command_line, {"DIR": shtab.DIRECTORY}, shtab.FILE)
    sys.stdout.write(f"{shtab.complete(arguments.command_line, shell=arguments.shell).rstrip()}\n")
    return 0


def _complete_files(parser: argparse.ArgumentParser, by_name: dict[str, Any], otherwise: Any) -> None:
    """Complete every argument that is a path from the file system, in all commands below `parser`: with what
    its name in the usage stands for, or `otherwise`."""
    for action in parser._actions:  # argparse has no public way to list them
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_files(command, by_name, otherwise)
        elif action.type is Path:
            action.complete = by_name.get(str(action.metavar), otherwise)  # type: ignore[attr-defined]
