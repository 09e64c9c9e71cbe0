"""The command `data`: which files of the data sets are there, fetching the rest, and the terms of use."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfacegen.cli import options
from deepfacegen.errors import UserError

if TYPE_CHECKING:
    from deepfacegen.config.schema import Config

DESCRIPTION = """\
VoxCeleb1, VoxCeleb2, VGGFace and VGGFace2: what is there, what is missing, and how to get it.

deepfacegen data terms      the terms of each data set
deepfacegen data status     what is there, what is missing, what can be used already
deepfacegen data fetch      fetch download.sets of params.yaml; after an interruption, run it again
"""
DETAILS = """\
status and fetch read the section download of params.yaml in the current folder, as the pipeline does
(docs/getting-data.md).

exit codes: 0 all requested sets are there; 1 something is missing, the reason is printed; 2 wrong usage;
  130 interrupted
environment: VOXCELEB_KEY, the key that the owners of VoxCeleb give on request
"""


def add_parsers(commands: Any) -> None:
    """The command `data` with its three parts."""
    parser = options.command(
        commands, "data", "fetch data sets, and list which of them are there", DESCRIPTION, DETAILS
    )
    parts = parser.add_subparsers(dest="part", metavar="part", required=True)
    for name, text, run in (
        ("status", "what is there, what is missing, what can be used", status),
        ("fetch", "fetch what is missing", fetch_sets),
        ("terms", "the terms of each data set", terms),
    ):
        part = parts.add_parser(name, help=text, description=text)
        part.set_defaults(run=run, resumable=lambda arguments: True)
        if name != "terms":
            params, about = Path("params.yaml"), "parameters (default: params.yaml)"
            part.add_argument("--params", type=Path, default=params, metavar="FILE", help=about)
            options.add(part, "--json")
            part.add_argument("--sets", metavar="A,B", help="these in place of download.sets")
            part.add_argument("--folder", metavar="DIR", help="in place of download.folder")


def terms(_: argparse.Namespace) -> int:
    from deepfacegen.data.download.terms import overview

    sys.stdout.write(overview())
    return 0


def _config(arguments: argparse.Namespace) -> Config:
    from deepfacegen.config.schema import from_dict, load, to_dict

    raw = to_dict(load(arguments.params))
    if arguments.sets is not None:
        raw["download"]["sets"] = [name.strip() for name in arguments.sets.split(",") if name.strip()]
    if arguments.folder is not None:
        raw["download"]["folder"] = arguments.folder
    return from_dict(raw)


def fetch_sets(arguments: argparse.Namespace) -> int:
    """Fetch; prints a line for each object that is missing, and a sum."""
    from deepfacegen.data.download import fetch
    from deepfacegen.data.download.folders import folder

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    config = _config(arguments)
    if not config.download.sets:
        advice = "`deepfacegen data status` lists all sets"
        raise UserError(f"download.sets of params.yaml names nothing to fetch; {advice}")
    rows = fetch.fetch(config)
    bad = [row for row in rows if row.status != "ok"]
    result = {"objects": [dataclasses.asdict(row) for row in rows], "counts": fetch.counts(rows)}
    lines = [f"{row.object}: {row.status}, {row.detail}" for row in bad]
    table = folder(config) / "objects.csv"
    lines.append(f"{len(rows) - len(bad)} of {len(rows)} objects are there; see {table}")
    options.write(arguments, result, lines)
    return 1 if bad else 0


def status(arguments: argparse.Namespace) -> int:
    """All sets, then the people who can be used; exit code 1 if a set of download.sets is missing."""
    from deepfacegen.data.download import inventory

    config = _config(arguments)
    found = inventory.take(config)
    options.write(arguments, dataclasses.asdict(found), inventory.lines(found))
    wanted = [entry for entry in found.sets if entry.name in config.download.sets]
    return 0 if all(entry.state == "there" for entry in wanted) else 1
