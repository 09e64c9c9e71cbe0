"""Where a path of params.yaml leads: the one place that says so, for every stage and command.

The parameters themselves stay as they were written, so that nothing that records them depends on the machine.
"""

from __future__ import annotations

import os
from pathlib import Path

WORKSPACES = Path(
    ".dvc/tmp/exps"
)  # `dvc exp run --temp` and the queue work in copies of the project below it


def located(path: str | Path) -> Path:
    """`path` from the current folder; in a temporary workspace of DVC, from the repository that it is a copy
    of.

    A workspace holds only what Git and DVC track; people, metadata and downloads lie beside the repository's
    own params.yaml. A file that the workspace does hold is the experiment's own version, and stays. `~` is
    the user's home.
    """
    given = Path(os.path.expanduser(path))
    home = repository()
    return given if home is None or given.is_absolute() or given.is_file() else home / given


def repository() -> Path | None:
    """The repository behind a temporary workspace, or None where the current folder is no such workspace."""
    home = (
        Path(os.environ["DVC_ROOT"]) if os.environ.get("DVC_ROOT") else None
    )  # DVC sets it for every stage that it runs
    return home if home is not None and Path.cwd().is_relative_to((home / WORKSPACES).resolve()) else None
