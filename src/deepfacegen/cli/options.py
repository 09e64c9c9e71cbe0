"""What the commands share: parsers, options that several have, and how a result is printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any


def command(
    commands: Any, name: str, help: str, description: str = "", details: str = ""
) -> argparse.ArgumentParser:
    """Add a command; description and details are printed as they stand."""
    return commands.add_parser(
        name,
        help=help,
        description=description or help,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


# Of the commands that generate.
DEVICE = "cpu, cuda or cuda:N (default: cpu)"
# The options that several commands have.
COMMON: dict[str, dict[str, Any]] = {
    "--models": {
        "type": Path,
        "default": Path("models"),
        "metavar": "DIR",
        "help": "folder of the trained models (default: models)",
    },
    "--device": {"metavar": "NAME", "help": "cpu, cuda or cuda:N (default: a GPU if there is one)"},
    "--json": {"action": "store_true", "help": "print the result as one JSON object"},
    "--system": {
        "default": "pins",
        "metavar": "NAME",
        "help": "pins, contrastive, svhf, or another that compares (default: pins)",
    },
}


def add(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add options of COMMON."""
    for name in names:
        parser.add_argument(name, **COMMON[name])


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers from low to high, for argparse."""
    limits = f"above {low - 1}" if high is None else f"from {low} to {high}"

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < low or (high is not None and int(text) > high):
            raise argparse.ArgumentTypeError(f"must be a whole number {limits}, not {text!r}")
        return int(text)

    return parse


def write(arguments: argparse.Namespace, result: Mapping[str, Any], lines: str | Iterable[str]) -> None:
    """Print a result: with --json as one object, else as lines."""
    if arguments.json:
        lines = json.dumps(result, sort_keys=True)
    sys.stdout.writelines(f"{line}\n" for line in ([lines] if isinstance(lines, str) else lines))


def warn(message: str) -> None:
    """Print a line on standard error."""
    sys.stderr.write(f"deepfacegen: {message}\n")
