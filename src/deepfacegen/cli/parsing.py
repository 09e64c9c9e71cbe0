"""The parser of the command line: argparse that suggests the nearest word for a mistyped one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from deepfacegen.errors import did_you_mean


class Parser(argparse.ArgumentParser):
    """Suggests commands, choices and options. Commands that are added to it get parsers of this class."""

    _words: Sequence[str] = ()

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # argparse has no public way
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            known = [] if action.choices is None else map(str, action.choices)
            if not (near := did_you_mean(str(value), known)):
                raise
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}{near}") from error

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but unknown words end here, where the options of the command are known."""
        self._words = list(sys.argv[1:] if args is None else args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the message, with the nearest option for the first unknown one, and exits with
        2."""
        options = [name for name in self._option_string_actions if name.startswith("--")]
        names = (word.partition("=")[0] for word in self._words if word.startswith("--") and word != "--")
        unknown = next((name for name in names if not any(one.startswith(name) for one in options)), None)
        if unknown and (near := did_you_mean(unknown, options)):
            message += near if unknown in message else f"; {unknown} is no option{near}"
        super().error(message)
