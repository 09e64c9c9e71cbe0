"""Imported first by scripts: Ctrl-C during the other imports, which take seconds, ends in one line, too."""

from __future__ import annotations

import os
import sys
from types import TracebackType


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    # An extension that is interrupted while it is imported raises an ImportError because of it.
    if not issubclass(kind, KeyboardInterrupt) and not (
        issubclass(kind, ImportError) and isinstance(error.__cause__ or error.__context__, KeyboardInterrupt)
    ):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stderr.write("interrupted before it began\n")
    sys.stderr.flush()
    os._exit(130)


sys.excepthook = _hook
