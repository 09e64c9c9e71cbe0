"""The command `data`: what of the data sets is there and can be used, fetching the rest, and the terms under
which they are given."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfacegen.errors import UserError

if TYPE_CHECKING:
    from deepfacegen.config.schema import Config

DESCRIPTION = """\
VoxCeleb1, VoxCeleb2, VGGFace and VGGFace2: what is there, what is missing, and how to get it.

deepfacegen data terms                 the terms of each data set
deepfacegen data status                what is there, what is missing, what can be used already
deepfacegen data fetch                 fetch what download.sets of params.yaml asks for; the same command goes on after an interruption
"""
DETAILS = """\
All three read the section download of params.yaml in the current folder, as the pipeline does; docs/getting-data.md tells more.

exit codes: 0 everything asked for is there; 1 something is not, the reason is told; 2 wrong usage; 130 interrupted
environment: VOXCELEB_KEY, the key that the owners of VoxCeleb give on request
"""


def add_parsers(commands: Any) -> None:
    """The command `data` with its three parts."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "data", help="fetch data sets, and tell what of them is there", formatter_class=raw
    )
    parser.description, parser.epilog = DESCRIPTION, DETAILS
    parts = parser.add_subparsers(dest="part", metavar="part", required=True)
    for name, text, run in (
        ("status", "what is there, what is missing, what can be used", status),
        ("fetch", "fetch what is missing", fetch_sets),
        ("terms", "the terms of each data set", terms),
    ):
        part = parts.add_parser(name, help=text, description=text)
        part.set_defaults(run=run)
        if name != "terms":
            part.add_argument(
                "--params",
                type=Path,
                default=Path("params.yaml"),
                metavar="FILE",
                help="parameters (default: params.yaml)",
            )
            part.add_argument("--json", action="store_true", help="print one JSON object")
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
    """Fetch; a line per object that is not there, and a sum."""
    from deepfacegen.data.download import fetch
    from deepfacegen.data.download.folders import folder

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    config = _config(arguments)
    if not config.download.sets:
        raise UserError(
            "download.sets of params.yaml names nothing to fetch; `deepfacegen data status` lists all sets"
        )
    rows = fetch.fetch(config)
    bad = [row for row in rows if row.status != "ok"]
    if arguments.json:
        sys.stdout.write(
            f"{json.dumps({'objects': [dataclasses.asdict(row) for row in rows], 'counts': fetch.counts(rows)}, sort_keys=True)}\n"
        )
    else:
        sys.stdout.writelines(f"{row.object}: {row.status}, {row.detail}\n" for row in bad)
        sys.stdout.write(
            f"{len(rows) - len(bad)} of {len(rows)} objects are there; see {folder(config) / 'objects.csv'}\n"
        )
    return 1 if bad else 0


def status(arguments: argparse.Namespace) -> int:
    """All sets, or those asked for; then who can be used."""
    from deepfacegen.data.download import inventory

    config = _config(arguments)
    told = inventory.take(config)
    if arguments.json:
        sys.stdout.write(f"{json.dumps(dataclasses.asdict(told), sort_keys=True)}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in inventory.lines(told))
    asked = [entry for entry in told.sets if entry.name in config.download.sets]
    return 0 if all(entry.state == "there" for entry in asked) else 1
