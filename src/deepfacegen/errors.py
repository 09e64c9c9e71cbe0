"""Errors for the user: one line each, printable names, and exit codes."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

SIGPIPE = 128 + 13  # exit code of a program whose reader has gone, as shells report it


def printable(text: object) -> str:
    """Text or a file's name on one line; unprintable characters (line ends, bytes that are no UTF-8, marks of
    direction) are escaped."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in str(text))


def utf8(name: object) -> str:
    """A file's name as valid UTF-8: other bytes are escaped (`caf\\xe9.wav`)."""
    return "".join(_escaped(letter) if "\ud800" <= letter <= "\udfff" else letter for letter in str(name))


def _escaped(letter: str) -> str:
    # Python reads a byte 0x80 to 0xff of a name that is not UTF-8 as U+DC80 to U+DCFF.
    return (
        f"\\x{ord(letter) - 0xDC00:02x}"
        if "\udc80" <= letter <= "\udcff"
        else letter.encode("unicode_escape").decode()
    )


class UserError(Exception):
    """Bad input. The message is one line, without a traceback, that names the file or key and the remedy."""

    def __str__(self) -> str:
        return printable(super().__str__())


class TooFewPeopleError(UserError):
    """A system cannot be trained on so few people. The pipeline goes on without it; the report says why."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: `; did you mean X?`, or nothing if none is like it."""
    by_case = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_case, n=1)
    return f"; did you mean {by_case[near[0]]}?" if near else ""


def reason(error: UserError | OSError, path: Path) -> str:
    """Why a file cannot be used, without its name, for tables that name it already."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return " ".join(str(error).removeprefix(f"{printable(path)}: ").split())


def open_streams() -> None:
    """Discard output to closed streams (`>&-`, a service without a console)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def exit_code(run: Callable[[], int]) -> int:
    """The exit code of `run()`, or 141, without a message, when the reader of its output has gone (`| head`).

    Characters outside the terminal's encoding are escaped.
    """
    open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return run()
        finally:
            _flush()
    except BrokenPipeError:
        _hush()
        return SIGPIPE


def _flush() -> None:
    """Write what is buffered; a full disk is noticed here."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _hush()
        sys.stderr.write(f"standard output: {error.strerror}\n")
        sys.exit(1)


def _hush() -> None:
    """Discard what is buffered, or Python itself would complain at the end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
