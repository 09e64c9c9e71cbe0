"""The command `report`: where the page with the results is, and a door to it."""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import json
import sys
import webbrowser
from pathlib import Path
from typing import Any

from deepfacegen.cli import pipeline
from deepfacegen.errors import UserError

LOOPBACK = "127.0.0.1"
DESCRIPTION = """\
Tell where the page with pictures, curves and tables is; make it anew, or show it.

deepfacegen report
deepfacegen report --rebuild --open
deepfacegen report --serve
"""
DETAILS = """\
--rebuild is `dvc repro --single-item report`: the page is made anew of the metrics and evaluations at hand if they changed. To train and evaluate
whatever is out of date first, run `dvc repro`.

--serve shows the page on this machine only (127.0.0.1) until it is interrupted; from elsewhere use a tunnel such as ssh -L.

exit codes: 0 done; 1 not, the reason is on stderr; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `report`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser("report", help="show the page with the results", formatter_class=raw)
    parser.description, parser.epilog = DESCRIPTION, DETAILS
    parser.add_argument("--rebuild", action="store_true", help="make the page anew of the results at hand")
    parser.add_argument("--open", action="store_true", help="open it in the web browser")
    parser.add_argument("--serve", action="store_true", help="serve it on this machine until interrupted")
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        metavar="N",
        help="port for --serve; 0: any that is free (default: 8000)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="where the page is (default: report)",
    )
    parser.add_argument("--json", action="store_true", help="print where it is as one JSON object")
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, not {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line asks for; returns the exit code. Raises UserError, and OSError for a port that
    is taken."""
    if arguments.rebuild:
        pipeline.stages()
        pipeline.reproduce("report")
    page = arguments.folder / "index.html"
    if not page.is_file():
        raise UserError(
            f"{page}: no such page; `dvc repro` makes it, and --rebuild makes it of evaluations at hand"
        )
    if not arguments.serve:
        return _told(arguments, page, page.resolve().as_uri())
    handler = functools.partial(_Quiet, directory=str(arguments.folder))
    try:
        server = http.server.ThreadingHTTPServer((LOOPBACK, arguments.port), handler)
    except OSError as error:
        raise UserError(
            f"--port {arguments.port}: {error.strerror}; choose another, or 0 for any that is free"
        ) from None
    with server:
        _told(arguments, page, f"http://{LOOPBACK}:{server.server_address[1]}/")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Does not tell of each request."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _told(arguments: argparse.Namespace, page: Path, address: str) -> int:
    if arguments.json:
        sys.stdout.write(f"{json.dumps({'page': str(page), 'address': address}, sort_keys=True)}\n")
    else:
        sys.stdout.write(f"{address if arguments.serve else page}\n")
    if arguments.open and not webbrowser.open(address):
        sys.stderr.write(f"deepfacegen: no web browser was found; open {address}\n")
    return 0
