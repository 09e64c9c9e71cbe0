"""The command `who`: names the faces in a video or photo by voices of people whose names are known."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfacegen.cli.retrieve import Load, add_system, load_scorer
from deepfacegen.errors import UserError, printable, utf8

if TYPE_CHECKING:
    from deepfacegen.cli.naming import Named, Seen

UNKNOWN = "unknown"
DESCRIPTION = """\
Name the faces in a video or photo by voices of people you know.

deepfacegen who --name Ann=ann.wav --name Bob=bob.m4a meeting.mp4

Each face gets the name of the voice it fits best, or "unknown" if none fits well enough. Nobody's face need be known before. A voice tells
something of a face and not whose it is: take the names as a guess among the few who are given.
"""
DETAILS = """\
Of a video, one picture per second is looked at, 64 at most; faces at one place in a scene are one track, and named together. A photo may
show any number of faces. Faces that are small or turned far to the side are left out. Of each recording at least 1.5 s of speech are needed.

--threshold is a score of the system (pins: minus the distance, from -2 to 0). The default is what the model brings with it, for pins the score
at which as many pairs of its training's held-out people were wrongly taken apart as together; with a system that brings none, every face
gets a name.

exit codes: 0 faces were found; 1 none, or a file cannot be used, the reason is on stderr; 2 wrong usage
environment: DEEPFACEGEN_DEVICE, like --device
"""


def add_parsers(commands: Any) -> None:
    """The command `who`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "who", help="name the faces in a video or photo by voices", formatter_class=raw
    )
    parser.description, parser.epilog = DESCRIPTION, DETAILS
    parser.add_argument("source", type=Path, metavar="VIDEO|PHOTO", help="whose faces are to be named")
    parser.add_argument(
        "--name",
        type=_named,
        action="append",
        required=True,
        metavar="NAME=FILE",
        help="a name and its voice; once for each person",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="faces that score less with every voice are unknown (default: see below)",
    )
    add_system(parser)
    parser.set_defaults(run=run, usage=parser.error)


def _named(text: str) -> tuple[str, Path]:
    name, separator, file = text.partition("=")
    if not name.strip() or not separator or not file:
        raise argparse.ArgumentTypeError(f"must be NAME=FILE, not {text!r}")
    return name.strip(), Path(file)


def run(arguments: argparse.Namespace, load: Load = load_scorer) -> int:
    """Do what the command line asks for; returns the exit code. Raises UserError."""
    from deepfacegen.api import photos
    from deepfacegen.api.predictor import listen
    from deepfacegen.cli import naming

    people = {utf8(name): file for name, file in arguments.name}
    if len(people) < len(arguments.name):
        arguments.usage("--name: a name is given twice")
    if UNKNOWN in people:
        arguments.usage(f"--name: nobody can be called {UNKNOWN}")
    pictures, fps = naming.look(arguments.source)
    tracks = naming.follow(pictures, photos.detector())
    if not tracks:
        raise UserError(
            f"{arguments.source}: no face is found in {'it' if fps is None else f'{len(pictures)} pictures of it'}"
        )
    voices = {name: listen(file) for name, file in people.items()}
    system = load(arguments.system, arguments.models, arguments.device)
    threshold = arguments.threshold if arguments.threshold is not None else getattr(system, "threshold", None)
    named = naming.name_tracks(system, tracks, voices, threshold)
    if arguments.json:
        told = {
            "source": utf8(arguments.source),
            "system": arguments.system,
            "threshold": threshold,
            "tracks": [_told(one, fps) for one in named],
        }
        sys.stdout.write(
            f"{json.dumps({**told, 'picture_px': [pictures.shape[2], pictures.shape[1]]}, sort_keys=True)}\n"
        )
    else:
        sys.stdout.writelines(f"{_line(one, fps)}\n" for one in named)
    return 0


def _seconds(face: Seen, fps: float | None) -> float | None:
    """A picture stands in the middle of its interval."""
    return None if fps is None else round((face.picture + 0.5) / fps, 3)


def _told(one: Named, fps: float | None) -> dict[str, Any]:
    faces = [
        {"time_seconds": _seconds(face, fps), "box_px": [round(float(x), 1) for x in face.box_px]}
        for face in one.track.faces
    ]
    return {
        "name": one.name,
        "scores": {name: round(score, 6) for name, score in one.scores.items()},
        "faces": faces,
    }


def _line(one: Named, fps: float | None) -> str:
    first, last = one.track.faces[0], one.track.faces[-1]
    x, y, width, height = (round(float(v)) for v in first.box_px)
    when = "" if fps is None else f"{_seconds(first, fps):.1f} to {_seconds(last, fps):.1f} s, "
    scores = ", ".join(
        f"{printable(name)} {score:.3f}"
        for name, score in sorted(one.scores.items(), key=lambda item: -item[1])
    )
    return f"{printable(one.name or UNKNOWN)}: {when}{width} x {height} px at {x}, {y} ({scores})"
