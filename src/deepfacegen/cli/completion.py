"""The command `completion`: what a shell needs to complete this command's words."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import shtab

SHELLS = ("bash", "zsh")
DESCRIPTION = """\
Print a script with which a shell completes commands and options of deepfacegen.

bash, in ~/.bashrc:    source <(deepfacegen completion bash)
zsh, in ~/.zshrc:      source <(deepfacegen completion zsh)    (after compinit)
"""


def add_parsers(commands: Any) -> None:
    """The command `completion`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "completion",
        help="let a shell complete this command's words",
        description=DESCRIPTION,
        formatter_class=raw,
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the script; returns the exit code."""
    from deepfacegen.cli.main import parser

    top = parser()
    _files(top)
    sys.stdout.write(f"{shtab.complete(top, shell=arguments.shell).rstrip()}\n")
    return 0


def _files(parser: argparse.ArgumentParser) -> None:
    """Let every argument that is a path be completed from the file system, in all commands below `parser`."""
    for action in parser._actions:  # argparse has no public way to list them
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _files(command)
        elif action.type is Path:
            action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
