"""The command `retrieve`: which photos fit a voice, which recordings fit a face."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepfacegen.cli.workers import workers
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.errors import UserError, printable, utf8
from deepfacegen.systems.protocol import VoiceFaceMatcher

DESCRIPTION = """\
Rank photos by how well they fit a voice, or recordings by how well they fit a face.

Which of these faces is this voice's?     deepfacegen retrieve --voice speech.m4a --faces photos/
Which of these voices is this face's?     deepfacegen retrieve --face photo.jpg --voices recordings/

A voice tells something of a face (gender, age, build) and not who it is: of two strangers' photos the better one is right more often than
not, of a hundred it rarely is.
"""
DETAILS = """\
Folders are searched with their subfolders. A photo counts with exactly one face, a recording with at least 1.5 s of speech; what else is
there is left out, with the reason on stderr, where the last line counts all files. Scores are the system's own (pins: minus the distance,
from -2 to 0; higher fits better).

exit codes: 0 something is ranked; 1 nothing is, the reason is on stderr; 2 wrong usage
environment: DEEPFACEGEN_WORKERS, how many recordings are decoded at once (all cores); DEEPFACEGEN_DEVICE, like --device
"""

# (name, models, device) -> the trained system; a parameter of what follows so that tests can bring their own.
Load = Callable[[str, Path, str | None], VoiceFaceMatcher]


def add_parsers(commands: Any) -> None:
    """The command `retrieve`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "retrieve", help="rank photos for a voice, or recordings for a face", formatter_class=raw
    )
    parser.description, parser.epilog = DESCRIPTION, DETAILS
    probe, gallery = (parser.add_mutually_exclusive_group(required=True) for _ in range(2))
    probe.add_argument(
        "--voice", type=Path, metavar="FILE", help="a recording (wav, m4a, mp3, mp4, ...), with --faces"
    )
    probe.add_argument("--face", type=Path, metavar="FILE", help="a photo of one face, with --voices")
    gallery.add_argument("--faces", type=Path, metavar="FOLDER", help="photos to rank")
    gallery.add_argument("--voices", type=Path, metavar="FOLDER", help="recordings to rank")
    parser.add_argument("--top", type=positive, default=10, metavar="K", help="show the best K (default: 10)")
    add_system(parser)
    parser.set_defaults(run=run, usage=parser.error)


def add_system(parser: argparse.ArgumentParser) -> None:
    """What every command that compares voices with faces takes."""
    parser.add_argument(
        "--system",
        default="pins",
        metavar="NAME",
        help="pins, contrastive, svhf, or another that compares (default: pins)",
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of the trained models (default: models)",
    )
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if there is one)"
    )
    parser.add_argument("--json", action="store_true", help="print what was found as one JSON object")


def positive(text: str) -> int:
    """A whole number above 0. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text!r}")
    return int(text)


def load_scorer(name: str, models: Path, device: str | None) -> VoiceFaceMatcher:
    """A trained system that compares. Raises UserError if it is unknown or missing, compares nothing, or the
    device is not there."""
    from deepfacegen.systems import registry

    try:
        system = registry.load(name, models_dir=models, device=device)
    except RuntimeError as error:  # torch's word for a device that is unknown or not there
        raise UserError(f"--device {device}: {str(error).splitlines()[0]}") from None
    if not isinstance(system, VoiceFaceMatcher):
        raise UserError(f"--system {name}: draws faces and compares none; choose pins, contrastive or svhf")
    return system


def run(arguments: argparse.Namespace, load: Load = load_scorer) -> int:
    """Do what the command line asks for; returns the exit code. Raises UserError."""
    from deepfacegen.cli.ranking import retrieve

    hears, passed = arguments.voice is not None, PassedOver()
    probe, root = (arguments.voice, arguments.faces) if hears else (arguments.face, arguments.voices)
    if root is None:
        arguments.usage("--voice goes with --faces, --face with --voices")
    ranked, left_out, scored = retrieve(
        probe,
        root,
        lambda: load(arguments.system, arguments.models, arguments.device),
        hears=hears,
        top=arguments.top,
        workers=workers(),
        passed=passed,
    )
    for one in left_out:
        sys.stderr.write(f"deepfacegen: left out {printable(one.file)}: {one.reason}\n")
    what, others = "photos" if hears else "recordings", f"; {passed.line()}" if passed.counts else ""
    if not ranked:
        raise UserError(f"{root}: none of {len(left_out)} {what} can be used{others}")
    sys.stderr.write(f"{scored + len(left_out)} {what}: {scored} scored, {len(left_out)} rejected{others}\n")
    if arguments.json:
        told = {
            "voice" if hears else "face": utf8(probe),
            "system": arguments.system,
            "ranked": [
                {"rank": k, "file": utf8(one.file), "score": round(one.score, 6)}
                for k, one in enumerate(ranked, 1)
            ],
            "scored": scored,
            "passed_over": [{"file": file, "reason": reason} for file, reason in passed.rows()],
            "left_out": [{"file": utf8(one.file), "reason": one.reason} for one in left_out],
        }
        sys.stdout.write(f"{json.dumps(told, sort_keys=True)}\n")
        return 0
    sys.stdout.writelines(
        f"{k:>4}  {one.score:8.3f}  {printable(one.file)}\n" for k, one in enumerate(ranked, 1)
    )
    return 0
