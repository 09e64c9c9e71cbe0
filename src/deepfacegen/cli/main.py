"""The command `deepfacegen`: its parser, and how a command's errors end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import __version__
from deepfacegen.cli import (
    compare,
    completion,
    data,
    demo,
    evaluate,
    export,
    generate,
    options,
    parsing,
    preset,
    publish,
    refine,
    report,
    retrieve,
    table,
    who,
)
from deepfacegen.errors import UserError, exit_code, printable

# The modules of the commands, in the order of the help. Each has `add_parsers(commands)`, which adds its
# commands and sets `run`: parsed arguments -> exit code.
COMMANDS = (
    generate,
    compare,
    demo,
    retrieve,
    who,
    refine,
    evaluate,
    report,
    table,
    data,
    preset,
    completion,
    export,
    publish,
)
DESCRIPTION = """\
Generate faces from speech, compare faces with voices, and manage the models and results of a project.

deepfacegen COMMAND --help describes a command.
"""
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return exit_code(lambda: _main(argv))


def parser() -> argparse.ArgumentParser:
    """The command line; wrong usage ends the program with exit code 2, as argparse does."""
    raw = argparse.RawDescriptionHelpFormatter
    top = parsing.Parser(prog="deepfacegen", description=DESCRIPTION, formatter_class=raw)
    top.add_argument("--version", action="version", version=f"deepfacegen {__version__}")
    top.set_defaults(command_line=top, resumable=lambda arguments: False)
    commands = top.add_subparsers(dest="command", metavar="command", required=True)
    for module in COMMANDS:
        module.add_parsers(commands)
    return top


def _main(argv: Sequence[str] | None) -> int:
    command_line = parser()
    for word in sys.argv[1:] if argv is None else argv:
        if not word or (word.startswith("--") and word.endswith("=")):  # Path("") would be the current folder
            command_line.error(f"{word or 'an argument'} is empty (a variable of the shell that is not set?)")
    arguments = command_line.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except UserError as error:
        return _failed(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        name = error.filename or getattr(arguments, "target", arguments.command)
        return _failed(f"{name}: {error.strerror or error}")
    except KeyboardInterrupt:
        resumes = "; the same command goes on from here" if arguments.resumable(arguments) else ""
        sys.stderr.write(f"\ninterrupted{resumes}\n")
        return INTERRUPTED


def _failed(message: str) -> int:
    options.warn(printable(message))
    return 1
