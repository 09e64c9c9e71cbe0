"""The commands `upscale`, `swap` and `frontal`: photos in, larger faces out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from deepfacegen.api.faces import check_png, one_thread, write_faces
from deepfacegen.cli import models, options
from deepfacegen.config.schema import FacesConfig
from deepfacegen.errors import UserError, printable, utf8
from deepfacegen.systems.protocol import Refiner

MODEL = "cyclegan"
UPSCALE = """\
Enlarge a low-res face: what a larger photo of such a face may look like, with attributes that you choose.

deepfacegen upscale small.png large.png --attributes male=yes,over_50=no
"""
SWAP = """\
Enlarge a low-res face with the identity of another face: pose, light and hair of the first, features of the
second.

deepfacegen swap low.png identity.jpg face.png
"""
FRONTAL = """\
Show a face that is turned a little from the front.

deepfacegen frontal turned.jpg face.png
"""
DETAILS = """\
A picture must show one face. It is detected, aligned and reduced to the size that the model takes. A picture
of just that size is taken as an aligned face. The result is a guess at detail that the picture does not hold:
it proves nothing about anybody.

exit codes: 0 the face is written; 1 it is not, the reason is on stderr; 2 wrong usage
"""
COMMANDS = (
    ("upscale", "enlarge a low-res face", UPSCALE),
    ("swap", "enlarge a low-res face with another's identity", SWAP),
    ("frontal", "show a turned face from the front", FRONTAL),
)


def add_parsers(commands: Any) -> None:
    """The three commands."""
    for name, text, description in COMMANDS:
        parser = options.command(commands, name, text, description, DETAILS)
        parser.add_argument("source", type=Path, help="a picture of one face")
        if name == "swap":
            parser.add_argument("identity", type=Path, help="a picture of the face that gives the identity")
        parser.add_argument("target", type=Path, help="the face to write (.png)")
        parser.add_argument(
            "--attributes",
            metavar="A=yes,B=no",
            help="attributes of the face (default: estimated from the picture)",
        )
        if name == "upscale":
            parser.add_argument(
                "--identity",
                type=Path,
                metavar="FILE",
                help="another picture of the same person, for details",
            )
        options.add(parser, "--models", "--device", "--json")
        parser.add_argument(
            "--model", default=MODEL, metavar="NAME", help=f"which refiner in it (default: {MODEL})"
        )
        parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Refine and write the face; returns the exit code.

    Raises UserError for a picture without one face, an unknown attribute, a missing model or a target that is
    not .png.
    """
    check_png(arguments.target)
    other = getattr(arguments, "identity", None)
    for path in (arguments.source, other):
        if path is not None and not path.is_file():
            raise UserError(f"{path}: no such file")
    refiner = models.refiner(arguments.model, arguments.models, arguments.device)
    identity = None if other is None else face_of(other, refiner)
    attributes = parse_attributes(arguments.attributes, refiner.names)
    source = face_of(arguments.source, refiner)
    with one_thread():
        if arguments.command == "upscale":
            face = refiner.upscale(source, attributes, identity)
        elif identity is not None:
            face = refiner.swap(source, identity, attributes)
        else:
            face = refiner.frontal(source, attributes)
    write_faces([arguments.target], face)
    result = {
        "face": utf8(arguments.target),
        "source": utf8(arguments.source),
        "size_px": refiner.size_px,
        "seen_px": refiner.low_px,
    }
    line = f"{printable(arguments.target)} ({refiner.size_px} px, from {refiner.low_px} px)"
    options.write(arguments, result, line)
    return 0


def parse_attributes(text: str | None, names: list[str]) -> np.ndarray | None:
    """`male=yes,over_50=no` -> float32 [1, K], nan for those not named; None for no text. Raises UserError
    for an unknown name or value."""
    if text is None:
        return None
    attributes = np.full((1, len(names)), np.nan, dtype=np.float32)
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in names:
            raise UserError(f"--attributes: {name!r} is not known to this model (known: {', '.join(names)})")
        if value not in ("yes", "no"):
            raise UserError(f"--attributes: {name} must be yes or no, not {value!r}")
        attributes[0, names.index(name)] = 1 if value == "yes" else -1
    return attributes


def face_of(path: Path, refiner: Refiner) -> np.ndarray:
    """The aligned face of a picture, uint8 [1, S, S, 3], S the model's size; a picture of its low-res size is
    returned as it is.

    Raises UserError naming the file when it is missing or does not show one face.
    """
    from deepfacegen.api import photos

    picture = photos.read(path)
    if picture.shape[:2] == (refiner.low_px, refiner.low_px):
        return picture[None]
    # Small faces are what this is for, so any that the detector finds is used.
    config = FacesConfig(size_px=refiner.size_px, min_face_px=8)
    return photos.face_in(picture, str(path), config)[None]
