"""The command `compare`: runs side by side on one page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepfacegen.cli import options

# Not in report/: that is the output of a stage, which DVC would find changed and the stage would empty.
PAGE = Path("compare.html")
DESCRIPTION = """\
Show on one page what differs between two or more runs: parameters, and metrics with their intervals.

A change in the workspace and HEAD:    deepfacegen compare HEAD workspace
Two experiments and a branch:          deepfacegen compare exp-rough tuned main

A revision is a DVC experiment, branch, tag or commit; `workspace` is the files as they are. The others are
compared with the first.
"""
DETAILS = """\
Metrics and parameters are read from Git and DVC's cache; nothing is checked out and the workspace stays as it
is. What is the same in all runs is left out; runs without any difference get one line.
The page says when two runs were not evaluated on the same people, by the same judge, with the same trials.

exit codes: 0 the page is written; 1 it is not, the reason is on stderr; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `compare`."""
    parser = options.command(commands, "compare", "show runs side by side", DESCRIPTION, DETAILS)
    parser.add_argument("first", metavar="REV", help="the run that the others are compared with")
    parser.add_argument(
        "others", nargs="+", metavar="REV", help="experiments, branches, tags, commits, or workspace"
    )
    parser.add_argument(
        "-o",
        "--output",
        dest="target",
        type=Path,
        default=PAGE,
        metavar="FILE",
        help=f"the page (default: {PAGE})",
    )
    options.add(parser, "--json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page; warnings go to stderr. Raises UserError."""
    from deepfacegen.report import compare, differences, revisions

    names = [arguments.first, *arguments.others]
    runs = revisions.read(names)
    page, warnings = compare.write(runs, arguments.target), differences.warnings(runs)
    same = differences.none(runs)
    found = {"page": str(page), "runs": names, "differ": not same, "warnings": warnings}
    options.write(arguments, found, "\n".join(filter(None, (same, str(page)))))
    for warning in warnings:
        options.warn(warning)
    return 0
