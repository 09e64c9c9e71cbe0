"""The command `publish`: a release into MLflow's registry."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepfacegen.cli import options
from deepfacegen.server import promotion

DESCRIPTION = """\
Put a release into MLflow's registry, as a model that `mlflow models serve` serves.

    deepfacegen publish                      models/release, which the stage release makes
    deepfacegen publish elsewhere/release

The first version becomes the champion (alias `champion`). A later one takes its place only if its result is
better by more than chance.
"""
DETAILS = f"""\
The metric that decides: accuracy on {promotion.METRIC}.
The alias moves when the lower end of the new version's 95 % interval lies above the champion's accuracy, both
measured on the same people by the same judge. The command prints what it did, and why. A release that was
published before is not published again.

The registry is that of MLFLOW_TRACKING_URI, or mlflow.db in the repository; see docs/serving.md.

exit codes: 0 it is published; 1 it is not, the reason is on stderr; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `publish`."""
    parser = options.command(
        commands, "publish", "put a release into MLflow's registry", DESCRIPTION, DETAILS
    )
    default = Path("models/release")
    parser.add_argument(
        "release", type=Path, nargs="?", default=default, help=f"folder of the release (default: {default})"
    )
    parser.add_argument(
        "--name", default=promotion.NAME, help=f"the registered model (default: {promotion.NAME})"
    )
    options.add(parser, "--json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Publish and print what was done; returns the exit code. Raises UserError."""
    from deepfacegen.server import publish

    result = publish.publish(arguments.release, arguments.name)
    done = "is published" if result["published"] else "holds this release already"
    line = f"{result['name']} version {result['version']} {done}; {result['champion']}"
    options.write(arguments, result, line)
    return 0
