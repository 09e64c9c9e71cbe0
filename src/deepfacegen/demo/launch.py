"""The command `demo`: a page in the browser that draws faces from the microphone or a file."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from deepfacegen.errors import UserError

RELEASE, PORT = "models/release", 7860
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DESCRIPTION = """\
Show a page in the browser: speak or drop a file, and see the faces that go with such a voice.

deepfacegen demo                    then open http://127.0.0.1:7860

The faces are a statistical guess from the voice. They are not a likeness of the speaker and identify nobody.
"""
DETAILS = """\
The page asks no other machine for anything, and reports to nobody. Recordings are kept in a folder that is emptied within the hour and removed at
the end. Only this machine can open the page; --host 0.0.0.0 opens it to the network, without a password and without encryption, and then browsers
elsewhere refuse it the microphone (docs/demo.md).

Where the project has evaluated its sample people (data/evaluate/cgan), a second tab shows those whom the model never met.

exit codes: 0 the page was closed with Ctrl-C; 1 it could not be shown, the reason is on stderr; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `demo`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "demo",
        help="draw faces on a page in the browser",
        description=DESCRIPTION,
        epilog=DETAILS,
        formatter_class=raw,
    )
    parser.add_argument(
        "--release",
        default=RELEASE,
        metavar="SOURCE",
        help=f"a release: its folder, or an MLflow URI such as models:/name@alias (default: {RELEASE})",
    )
    parser.add_argument(
        "--project",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder with data/ and metrics/, for the second tab (default: .)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)"
    )
    parser.add_argument("--port", type=_port, default=PORT, help=f"port to listen on (default: {PORT})")
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if there is one)"
    )
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 65535, not {text!r}")
    return int(text)


def forget_other_pages() -> None:
    """Before gradio is imported: the options alone say what is served, where and to whom, not what the
    environment says for other pages of gradio's. A proxy in front may need its root path.
    """
    for name in [name for name in os.environ if name.startswith("GRADIO_") and name != "GRADIO_ROOT_PATH"]:
        del os.environ[name]


def run(arguments: argparse.Namespace) -> int:
    """Show the page until it is interrupted; returns the exit code. Raises UserError."""
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the demo needs gradio, which is not installed: pip install 'deepfacegen[demo]'")
    from deepfacegen.api.predictor import one_thread
    from deepfacegen.api.voice_to_face import VoiceToFace
    from deepfacegen.demo import people as demo_people

    people = demo_people.read(arguments.project)
    model = VoiceToFace.load(arguments.release, arguments.device)
    forget_other_pages()
    from deepfacegen.demo import server

    with one_thread(), server.served(model, people, arguments.host, arguments.port) as address:
        sys.stdout.write(f"{address} (Ctrl-C ends it)\n")
        sys.stdout.flush()
        if arguments.host not in LOOPBACK:
            sys.stderr.write(
                f"deepfacegen: {arguments.host} is open to other machines, without a password and without encryption; "
                "browsers there give it no microphone, only files (docs/demo.md)\n"
            )
        try:
            server.wait()
        except KeyboardInterrupt:
            sys.stdout.write("closed\n")
    return 0
