"""The command `who`: names the faces in a video or photo by voices of known people."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfacegen.cli import models, options
from deepfacegen.errors import UserError, printable, utf8

if TYPE_CHECKING:
    from deepfacegen.api.identification import DetectedFace, NamedTrack

UNKNOWN = "unknown"
DESCRIPTION = """\
Name the faces in a video or photo by voices of people you know.

deepfacegen who --name Ann=ann.wav --name Bob=bob.m4a meeting.mp4

Each face gets the name of the voice that it matches best, or "unknown" if no score is high enough. No photo
of the people is needed. A voice does not identify a face: take the names as a guess among the few given.
"""
DETAILS = """\
Of a video, one picture per second is used, 64 at most. Faces at one place in a scene form a track and are
named together. A photo may show any number of faces. Faces that are small or turned far to the side are left
out. Each recording must hold at least 1.5 s of speech.

--threshold is a score of the system (pins: minus the distance, from -2 to 0). The default comes with the
model: for pins, the score with equal error rates on held-out people of its training. With a system that has
none, every face gets a name.

exit codes: 0 faces were found; 1 none, or a file cannot be used, the reason is on stderr; 2 wrong usage
environment: DEEPFACEGEN_DEVICE, like --device
"""


def add_parsers(commands: Any) -> None:
    """The command `who`."""
    parser = options.command(
        commands, "who", "name the faces in a video or photo by voices", DESCRIPTION, DETAILS
    )
    parser.add_argument("source", type=Path, metavar="VIDEO|PHOTO", help="the file with the faces")
    parser.add_argument(
        "--name",
        type=_named,
        action="append",
        required=True,
        metavar="NAME=FILE",
        help="a name and a recording of that voice; once for each person",
    )
    text = "faces that score less with every voice are unknown (default: see below)"
    parser.add_argument("--threshold", type=float, metavar="SCORE", help=text)
    options.add(parser, "--system", "--models", "--device", "--json")
    parser.set_defaults(run=run, usage=parser.error)


def _named(text: str) -> tuple[str, Path]:
    name, separator, file = text.partition("=")
    if not name.strip() or not separator or not file:
        raise argparse.ArgumentTypeError(f"must be NAME=FILE, not {text!r}")
    return name.strip(), Path(file)


def run(arguments: argparse.Namespace) -> int:
    """Name the faces and print them; returns the exit code. Raises UserError."""
    from deepfacegen.api import identification, photos
    from deepfacegen.api.speech import read_speech

    people = {utf8(name): file for name, file in arguments.name}
    if len(people) < len(arguments.name):
        arguments.usage("--name: a name is given twice")
    if UNKNOWN in people:
        arguments.usage(f"--name: nobody can be called {UNKNOWN}")
    pictures, fps = identification.read_pictures(arguments.source)
    tracks = identification.track_faces(pictures, photos.detector())
    if not tracks:
        where = "it" if fps is None else f"{len(pictures)} pictures of it"
        raise UserError(f"{arguments.source}: no face is found in {where}")
    voices = {name: read_speech(file) for name, file in people.items()}
    system = models.matcher(arguments.system, arguments.models, arguments.device)
    threshold = arguments.threshold if arguments.threshold is not None else getattr(system, "threshold", None)
    named = identification.name_tracks(system, tracks, voices, threshold)
    result = {
        "source": utf8(arguments.source),
        "system": arguments.system,
        "threshold": threshold,
        "tracks": [_entry(one, fps) for one in named],
        "picture_px": [pictures.shape[2], pictures.shape[1]],
    }
    options.write(arguments, result, (_line(one, fps) for one in named))
    return 0


def _seconds(face: DetectedFace, fps: float | None) -> float | None:
    """A picture's time is the middle of its interval."""
    return None if fps is None else round((face.picture + 0.5) / fps, 3)


def _entry(one: NamedTrack, fps: float | None) -> dict[str, Any]:
    faces = [
        {"time_seconds": _seconds(face, fps), "box_px": [round(float(x), 1) for x in face.box_px]}
        for face in one.track.faces
    ]
    scores = {name: round(score, 6) for name, score in one.scores.items()}
    return {"name": one.name, "scores": scores, "faces": faces}


def _line(one: NamedTrack, fps: float | None) -> str:
    first, last = one.track.faces[0], one.track.faces[-1]
    x, y, width, height = (round(float(v)) for v in first.box_px)
    when = "" if fps is None else f"{_seconds(first, fps):.1f} to {_seconds(last, fps):.1f} s, "
    best_first = sorted(one.scores.items(), key=lambda item: -item[1])
    scores = ", ".join(f"{printable(name)} {score:.3f}" for name, score in best_first)
    return f"{printable(one.name or UNKNOWN)}: {when}{width} x {height} px at {x}, {y} ({scores})"
