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
    return commands.add_parser(  # type: ignore[no-any-return]
        name,
        help=help,
        description=description or help,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_folder(parser: argparse.ArgumentParser, option: str, default: str, what: str) -> None:
    """An option for a folder."""
    default_path = Path(default)
    parser.add_argument(
        option, type=Path, default=default_path, metavar="DIR", help=f"{what} (default: {default})"
    )


def add_models(parser: argparse.ArgumentParser, what: str = "folder of the trained models") -> None:
    """--models"""
    add_folder(parser, "--models", "models", what)


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device"""
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if there is one)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json"""
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def add_system(parser: argparse.ArgumentParser) -> None:
    """The options of every command that compares voices with faces."""
    text = "pins, contrastive, svhf, or another that compares (default: pins)"
    parser.add_argument("--system", default="pins", metavar="NAME", help=text)
    add_models(parser)
    add_device(parser)
    add_json(parser)


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
