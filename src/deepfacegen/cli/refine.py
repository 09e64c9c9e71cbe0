"""The commands `upscale`, `swap` and `frontal`: photos in, larger faces out."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfacegen.cli import models, options
from deepfacegen.errors import UserError, did_you_mean, printable, utf8

if TYPE_CHECKING:
    import numpy as np

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
A picture must show one face, which is detected and aligned. A picture of a face alone, in the alignment of
generated faces (or of at most 32 px), is taken as it is.

The model makes 128 px of 16 px (cyclegan.size_px, cyclegan.scale). `upscale` keeps the detail of a face that
has more than 16 px: the model adds what is finer than that, and the attributes that you change. A face of 128
px or more is not enlarged; its attributes can be changed. `swap` and `frontal` reduce every face to 16 px, as
they change all of it. The command prints the sizes, the model and the attributes. The result is a guess at
detail that the picture does not hold: it proves nothing about anybody.

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

    Raises UserError for a picture without one face, a face that has the refiner's size already, an unknown
    attribute, a missing model or a target that is not .png.
    """
    from deepfacegen.api import refinement, sizes
    from deepfacegen.api.faces import check_png, one_thread, write_faces

    check_png(arguments.target)
    other = getattr(arguments, "identity", None)
    for path in (arguments.source, other):
        if path is not None and not path.is_file():
            raise UserError(f"{path}: no such file")
    refiner = models.refiner(arguments.model, arguments.models, arguments.device)
    attributes = parse_attributes(arguments.attributes, refiner.names)
    identity = None
    if other is not None:
        identity = sizes.resized(refinement.read(other, refiner).pixels, refiner.size_px)
    source = refinement.read(arguments.source, refiner)
    low = refinement.reduced(source.pixels, refiner.low_px)
    kept_px = min(source.side_px, refiner.size_px)
    with one_thread():
        if arguments.command == "upscale":
            refinement.check_enlarges(arguments.source, source, refiner, attributes is not None)
            face = refinement.upscale(refiner, source, attributes, identity)
        elif identity is not None:
            face, kept_px = refiner.swap(low, identity, attributes), refiner.low_px
        else:
            face, kept_px = refiner.frontal(low, attributes), refiner.low_px
        guessed = refiner.guess(low if arguments.command != "swap" or identity is None else identity)
    write_faces([arguments.target], face)
    given, estimated = described(refiner.names, attributes, guessed)
    result = {
        "face": utf8(arguments.target),
        "source": utf8(arguments.source),
        "size_px": refiner.size_px,
        "from_px": source.side_px,
        "kept_px": kept_px,
        "model": arguments.model,
        "attributes": {"given": given, "estimated": estimated},
    }
    options.write(arguments, result, lines(arguments, result))
    return 0


def lines(arguments: argparse.Namespace, result: Mapping[str, Any]) -> list[str]:
    """What was done: sizes and model, then the attributes."""
    from_px, kept_px, size_px = (result[key] for key in ("from_px", "kept_px", "size_px"))
    what = f"from {from_px} px"
    if kept_px < from_px:
        what = f"from a face of {from_px} px reduced to {kept_px} px"
    kinds = []
    for kind, values in result["attributes"].items():
        if values:
            kinds.append(f"{', '.join(f'{name}={value}' for name, value in values.items())} ({kind})")
    return [
        f"{printable(arguments.target)} ({size_px} px, {what}, by {result['model']})",
        f"attributes: {'; '.join(kinds)}",
    ]


def described(
    names: list[str], attributes: np.ndarray | None, guessed: np.ndarray
) -> tuple[dict[str, str], dict[str, str]]:
    """Attributes as yes and no: those that were given [1, K], and the others as estimated [1, K]."""
    given: dict[str, str] = {}
    estimated: dict[str, str] = {}
    for k, name in enumerate(names):
        known = attributes is not None and not math.isnan(attributes[0, k])
        value = attributes[0, k] if attributes is not None and known else guessed[0, k]
        (given if known else estimated)[name] = "yes" if value > 0 else "no"
    return given, estimated


def parse_attributes(text: str | None, names: list[str]) -> np.ndarray | None:
    """`male=yes,over_50=no` -> float32 [1, K], nan for those not named; None for no text. Raises UserError
    for an unknown name or value."""
    import numpy as np

    if text is None:
        return None
    attributes = np.full((1, len(names)), np.nan, dtype=np.float32)
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in names:
            known = f"(known: {', '.join(names)}){did_you_mean(name, names)}"
            raise UserError(f"--attributes: {name!r} is not known to this model {known}")
        if value not in ("yes", "no"):
            raise UserError(f"--attributes: {name} must be yes or no, not {value!r}")
        attributes[0, names.index(name)] = 1 if value == "yes" else -1
    return attributes
