"""The command `retrieve`: photos ranked for a voice, or recordings for a face."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from deepfacegen.cli import models, options
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.errors import UserError, printable, utf8

DESCRIPTION = """\
Rank photos by how well they match a voice, or recordings by how well they match a face.

Which of these faces is this voice's?     deepfacegen retrieve --voice speech.m4a --faces photos/
Which of these voices is this face's?     deepfacegen retrieve --face photo.jpg --voices recordings/

A voice says something about a face (gender, age, build), but does not identify it. Of two people's photos the
better one is right more often than not; of a hundred it rarely is.
"""
DETAILS = """\
Folders are searched with their subfolders. A photo must show exactly one face, and a recording must hold at
least 1.5 s of speech. Other files are left out, with the reason on stderr, where the last line counts all
files. Scores are the system's own (pins: minus the distance, from -2 to 0; higher matches better).

exit codes: 0 something is ranked; 1 nothing is, the reason is on stderr; 2 wrong usage
environment: DEEPFACEGEN_WORKERS, how many recordings are decoded at once (all cores);
  DEEPFACEGEN_DEVICE, like --device
"""


def add_parsers(commands: Any) -> None:
    """The command `retrieve`."""
    parser = options.command(
        commands, "retrieve", "rank photos for a voice, or recordings for a face", DESCRIPTION, DETAILS
    )
    probe, gallery = (parser.add_mutually_exclusive_group(required=True) for _ in range(2))
    probe.add_argument(
        "--voice", type=Path, metavar="FILE", help="a recording (wav, m4a, mp3, mp4, ...), with --faces"
    )
    probe.add_argument("--face", type=Path, metavar="FILE", help="a photo of one face, with --voices")
    gallery.add_argument("--faces", type=Path, metavar="FOLDER", help="photos to rank")
    gallery.add_argument("--voices", type=Path, metavar="FOLDER", help="recordings to rank")
    top = options.whole(1)
    parser.add_argument("--top", type=top, default=10, metavar="K", help="show the best K (default: 10)")
    options.add(parser, "--system", "--models", "--device", "--json")
    parser.set_defaults(run=run, usage=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Rank and print the best; returns the exit code. Raises UserError."""
    from deepfacegen.api.ranking import retrieve
    from deepfacegen.api.reading import workers

    by_voice, passed = arguments.voice is not None, PassedOver()
    probe, root = (arguments.voice, arguments.faces) if by_voice else (arguments.face, arguments.voices)
    if root is None:
        arguments.usage("--voice goes with --faces, --face with --voices")
    ranked, left_out, scored = retrieve(
        probe,
        root,
        lambda: models.matcher(arguments.system, arguments.models, arguments.device),
        voice_probe=by_voice,
        top=arguments.top,
        workers=workers(),
        passed=passed,
    )
    for one in left_out:
        options.warn(f"left out {printable(one.file)}: {one.reason}")
    what, others = "photos" if by_voice else "recordings", f"; {passed.line()}" if passed.counts else ""
    if not ranked:
        raise UserError(f"{root}: none of {len(left_out)} {what} can be used{others}")
    total = scored + len(left_out)
    sys.stderr.write(f"{total} {what}: {scored} scored, {len(left_out)} rejected{others}\n")
    result = {
        "voice" if by_voice else "face": utf8(probe),
        "system": arguments.system,
        "ranked": [
            {"rank": k, "file": utf8(one.file), "score": round(one.score, 6)}
            for k, one in enumerate(ranked, 1)
        ],
        "scored": scored,
        "passed_over": [{"file": file, "reason": reason} for file, reason in passed.rows()],
        "left_out": [{"file": utf8(one.file), "reason": one.reason} for one in left_out],
    }
    lines = (f"{k:>4}  {one.score:8.3f}  {printable(one.file)}" for k, one in enumerate(ranked, 1))
    options.write(arguments, result, lines)
    return 0
