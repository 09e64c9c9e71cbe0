"""The command `table`: all systems in one table for a paper."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from deepfacegen.cli import options

FORMATS = ("markdown", "latex", "csv")
DESCRIPTION = """\
Print one table of all evaluated systems: matching accuracy with 95 % intervals, of unseen and seen people
side by side, ungrouped and grouped by gender.

deepfacegen table
deepfacegen table --format latex > systems.tex
deepfacegen table --format csv > systems.csv
"""
DETAILS = """\
Figures are those of metrics/evaluate/*.json, voice to face: in per cent, or as fractions with all digits for
csv, which has the numbers of trials and people, too. The table for LaTeX needs the package booktabs. Systems
that were evaluated on different data or by different judges get a warning.

exit codes: 0 done; 1 there is no table, the reason is on stderr; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `table`."""
    parser = options.command(commands, "table", "print all systems as one table", DESCRIPTION, DETAILS)
    parser.add_argument("--format", choices=FORMATS, default="markdown", help="(default: markdown)")
    text = "folder with metrics/ (default: .)"
    parser.add_argument("--project", type=Path, default=Path(), metavar="DIR", help=text)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table; warnings go to stderr. Raises UserError."""
    from deepfacegen.report import paper

    found = paper.rows(arguments.project)
    sys.stdout.write(f"{paper.FORMATS[arguments.format](found)}\n")
    for warning in paper.warnings(found):
        options.warn(warning)
    return 0
