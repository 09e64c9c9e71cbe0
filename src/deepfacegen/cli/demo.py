"""The command `demo`: a page in the browser that generates faces from the microphone or a file."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from deepfacegen.cli import options
from deepfacegen.errors import UserError

RELEASE, PORT = "models/release", 7860
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DESCRIPTION = """\
Serve a page for the browser: choose an example voice, speak, or choose a file, and see faces that go with
such a voice.

deepfacegen demo                    then open http://127.0.0.1:7860

The faces are a statistical guess from the voice. They are not a likeness of the speaker and identify nobody.
"""
DETAILS = """\
The page sends no request to another machine and reports nothing. Recordings are kept in a temporary folder,
and their speech in memory, each for about an hour at most. Only this machine can open the page. --host
0.0.0.0 opens it to the network, without a password and without encryption; browsers elsewhere then refuse the
microphone (docs/demo.md).

Where the project has evaluated its sample people (data/evaluate/cgan), a second tab shows the unseen ones.

exit codes: 0 the page was closed with Ctrl-C; 1 it could not be served, the reason is on stderr;
  2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `demo`."""
    parser = options.command(
        commands, "demo", "generate faces on a page in the browser", DESCRIPTION, DETAILS
    )
    parser.add_argument(
        "--release",
        default=RELEASE,
        metavar="SOURCE",
        help=f"a release: its folder, or an MLflow URI such as models:/name@alias (default: {RELEASE})",
    )
    text = "folder with data/ and metrics/, for the second tab (default: .)"
    parser.add_argument("--project", type=Path, default=Path(), metavar="DIR", help=text)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)"
    )
    port = options.whole(1, 65535)
    parser.add_argument("--port", type=port, default=PORT, help=f"port to listen on (default: {PORT})")
    parser.add_argument("--device", metavar="NAME", help=options.DEVICE)
    parser.set_defaults(run=run)


def clear_gradio_environment() -> None:
    """Before gradio is imported: remove its variables, so that the options alone decide what is served, and
    where. A proxy in front may need the root path."""
    for name in [name for name in os.environ if name.startswith("GRADIO_") and name != "GRADIO_ROOT_PATH"]:
        del os.environ[name]


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until it is interrupted; returns the exit code. Raises UserError."""
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the demo needs gradio, which is not installed: pip install 'deepfacegen[demo]'")
    from deepfacegen.api.faces import one_thread
    from deepfacegen.api.voice_to_face import VoiceToFace
    from deepfacegen.demo import people as demo_people

    people = demo_people.read(arguments.project)
    model = VoiceToFace.load(arguments.release, arguments.device)
    clear_gradio_environment()
    from deepfacegen.demo import server

    with one_thread(), server.served(model, people, arguments.host, arguments.port) as address:
        sys.stdout.write(f"{address} (Ctrl-C ends it)\n")
        sys.stdout.flush()
        if arguments.host not in LOOPBACK:
            options.warn(
                f"{arguments.host} is open to other machines, without a password and without encryption; "
                "browsers there allow files, but not the microphone (docs/demo.md)"
            )
        try:
            server.wait()
        except KeyboardInterrupt:
            sys.stdout.write("closed\n")
    return 0
