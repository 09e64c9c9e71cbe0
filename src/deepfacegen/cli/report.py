"""The command `report`: where the page with the results is; rebuilds, opens or serves it."""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import sys
import webbrowser
from pathlib import Path
from typing import Any

from deepfacegen.cli import options, pipeline
from deepfacegen.errors import UserError

LOOPBACK = "127.0.0.1"
DESCRIPTION = """\
Print where the page with pictures, curves and tables is; rebuild, open or serve it.

deepfacegen report
deepfacegen report --rebuild --open
deepfacegen report --serve
"""
DETAILS = """\
--rebuild runs `dvc repro --single-item report`: it rebuilds the page from the present metrics and evaluations
if they changed. To train and evaluate whatever is out of date first, run `dvc repro`.

--serve serves the page to this machine only (127.0.0.1) until interrupted; from elsewhere, use a tunnel such
as ssh -L.

exit codes: 0 done; 1 not, the reason is on stderr; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `report`."""
    parser = options.command(commands, "report", "show the page with the results", DESCRIPTION, DETAILS)
    parser.add_argument("--rebuild", action="store_true", help="rebuild the page from the present results")
    parser.add_argument("--open", action="store_true", help="open it in the web browser")
    parser.add_argument("--serve", action="store_true", help="serve it to this machine until interrupted")
    text = "port for --serve; 0: any that is free (default: 8000)"
    parser.add_argument("--port", type=options.whole(0, 65535), default=8000, metavar="N", help=text)
    text = "where the page is (default: report)"
    parser.add_argument("--folder", type=Path, default=Path("report"), metavar="DIR", help=text)
    options.add(parser, "--json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print, open or serve the page; returns the exit code. Raises UserError."""
    if arguments.rebuild:
        pipeline.stages()
        pipeline.reproduce("report")
    page = arguments.folder / "index.html"
    if not page.is_file():
        advice = "`dvc repro` makes it, and --rebuild makes it from present evaluations"
        raise UserError(f"{page}: no such page; {advice}")
    if not arguments.serve:
        return _show(arguments, page, page.resolve().as_uri())
    handler = functools.partial(_Handler, directory=str(arguments.folder))
    try:
        server = http.server.ThreadingHTTPServer((LOOPBACK, arguments.port), handler)
    except OSError as error:
        advice = "choose another, or 0 for any that is free"
        raise UserError(f"--port {arguments.port}: {error.strerror}; {advice}") from None
    with server:
        _show(arguments, page, f"http://{LOOPBACK}:{server.server_address[1]}/")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Logs no requests."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _show(arguments: argparse.Namespace, page: Path, address: str) -> int:
    """Print the page's place, and open it with --open."""
    place = address if arguments.serve else str(page)
    options.write(arguments, {"page": str(page), "address": address}, place)
    if arguments.open and not webbrowser.open(address):
        options.warn(f"no web browser was found; open {address}")
    return 0
