"""The commands `upscale`, `swap` and `frontal`: photos in, larger faces out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deepfacegen.api.predictor import one_thread, write_faces
from deepfacegen.config.schema import FacesConfig
from deepfacegen.errors import UserError, printable, utf8
from deepfacegen.systems.protocol import Refiner

MODEL = "cyclegan"
EXPLAINED = {
    "no_face": "shows no face",
    "several_faces": "shows more than one face as large; cut the picture so that one is left",
    "too_small": "shows a face that is too small",
    "extreme_pose": "shows a face from the side; turn it towards the camera",
}
UPSCALE = """\
Enlarge a low-res face: what a larger photo of such a face may look like, with attributes that you choose.

deepfacegen upscale small.png large.png --attributes male=yes,over_50=no
"""
SWAP = """\
Draw a low-res face with the identity of another face: the pose, light and hair of the first, the features of the second.

deepfacegen swap low.png identity.jpg face.png
"""
FRONTAL = """\
Draw a face that is turned a little from the front.

deepfacegen frontal turned.jpg face.png
"""
DETAILS = """\
A picture must show one face. It is found, aligned and reduced to the size that the model takes; a picture that is as small and square as
that is taken as an aligned face. What is drawn is a guess at detail that the picture does not hold: it proves nothing about anybody.

exit codes: 0 the face is written; 1 it is not, the reason is on stderr; 2 wrong usage
"""


# (models, device, name) -> the trained refiner; tests pass their own
Load = Callable[[Path, str | None, str], Refiner]


def add_parsers(subparsers: Any) -> None:
    """Add the three commands. `arguments.run(arguments)` then does what was asked and returns the exit
    code."""
    raw = argparse.RawDescriptionHelpFormatter
    for name, text, short, handler in (
        ("upscale", UPSCALE, "enlarge a low-res face", upscale),
        ("swap", SWAP, "draw a low-res face with another's identity", swap),
        ("frontal", FRONTAL, "draw a turned face from the front", frontal),
    ):
        command = subparsers.add_parser(
            name, help=short, description=text, epilog=DETAILS, formatter_class=raw
        )
        command.add_argument("source", type=Path, help="a picture of one face")
        if name == "swap":
            command.add_argument("identity", type=Path, help="a picture of the face that it should look like")
        command.add_argument("target", type=Path, help="the face to write (.png)")
        command.add_argument(
            "--attributes",
            metavar="A=yes,B=no",
            help="what the face should show (default: what it seems to show)",
        )
        if name == "upscale":
            command.add_argument(
                "--identity",
                type=Path,
                metavar="FILE",
                help="another picture of the same person, which tells of details",
            )
        command.add_argument(
            "--models",
            type=Path,
            default=Path("models"),
            metavar="DIR",
            help="folder of the trained models (default: models)",
        )
        command.add_argument(
            "--model", default=MODEL, metavar="NAME", help=f"which refiner in it (default: {MODEL})"
        )
        command.add_argument(
            "--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if there is one)"
        )
        command.add_argument("--json", action="store_true", help="print what was done as one JSON object")
        command.set_defaults(run=handler)


def upscale(arguments: argparse.Namespace, load: Load | None = None) -> int:
    """Exit code 0; raises UserError for a picture without one face, an unknown attribute, a missing model or
    a target that is no .png."""
    refiner = _begin(arguments, load)
    identity = face_of(arguments.identity, refiner) if arguments.identity is not None else None
    asked = attributes_of(arguments.attributes, refiner.names)
    return _end(
        arguments, refiner, lambda: refiner.upscale(face_of(arguments.source, refiner), asked, identity)
    )


def swap(arguments: argparse.Namespace, load: Load | None = None) -> int:
    """As `upscale`."""
    refiner = _begin(arguments, load)
    asked = attributes_of(arguments.attributes, refiner.names)
    return _end(
        arguments,
        refiner,
        lambda: refiner.swap(face_of(arguments.source, refiner), face_of(arguments.identity, refiner), asked),
    )


def frontal(arguments: argparse.Namespace, load: Load | None = None) -> int:
    """As `upscale`."""
    refiner = _begin(arguments, load)
    asked = attributes_of(arguments.attributes, refiner.names)
    return _end(arguments, refiner, lambda: refiner.frontal(face_of(arguments.source, refiner), asked))


def attributes_of(text: str | None, names: list[str]) -> np.ndarray | None:
    """`male=yes,over_50=no` -> float32 [1, K], nan for those not named; None for no text. Raises UserError
    for an unknown name or value."""
    if text is None:
        return None
    asked = np.full((1, len(names)), np.nan, dtype=np.float32)
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in names:
            raise UserError(f"--attributes: {name!r} is not known to this model (known: {', '.join(names)})")
        if value not in ("yes", "no"):
            raise UserError(f"--attributes: {name} must be yes or no, not {value!r}")
        asked[0, names.index(name)] = 1 if value == "yes" else -1
    return asked


def face_of(path: Path, refiner: Refiner) -> np.ndarray:
    """The aligned face of a picture, uint8 [1, S, S, 3], S the model's size; a picture of just its low-res
    size is taken as it is.

    Raises UserError naming the file when it is missing or does not show one face.
    """
    from deepfacegen.api import photos
    from deepfacegen.data.faces.detect import Detector
    from deepfacegen.data.faces.find import find_face
    from deepfacegen.data.files.pictures import RejectError

    picture = photos.read(path)
    if picture.shape[:2] == (refiner.low_px, refiner.low_px):
        return picture[None]
    try:
        # A small face is what this is for: whatever the detector finds will do.
        return find_face(FacesConfig(size_px=refiner.size_px, min_face_px=8), Detector(), picture).pixels[
            None
        ]
    except RejectError as reject:
        raise UserError(f"{path}: {EXPLAINED.get(str(reject), str(reject))}") from None


def _begin(arguments: argparse.Namespace, load: Load | None) -> Refiner:
    if arguments.target.suffix.lower() != ".png":
        raise UserError(f"{arguments.target}: a face is written as PNG; the name must end in .png")
    for path in (arguments.source, getattr(arguments, "identity", None)):
        if path is not None and not path.is_file():
            raise UserError(f"{path}: no such file")
    return (load or _load)(arguments.models, arguments.device, arguments.model)


def _end(arguments: argparse.Namespace, refiner: Refiner, draw: Callable[[], np.ndarray]) -> int:
    with one_thread():
        face = draw()
    write_faces([arguments.target], face)
    told = {
        "face": utf8(arguments.target),
        "source": utf8(arguments.source),
        "size_px": refiner.size_px,
        "seen_px": refiner.low_px,
    }
    line = f"{printable(arguments.target)} ({refiner.size_px} px, drawn from {refiner.low_px} px)"
    sys.stdout.write(f"{json.dumps(told, sort_keys=True) if arguments.json else line}\n")
    return 0


def _load(models: Path, device: str | None, name: str) -> Refiner:
    """The trained refiner. Raises UserError if it is missing or the device is."""
    from deepfacegen.systems import registry

    try:
        return registry.refiner(name, models, device)
    except RuntimeError as error:  # torch's word for a device that is unknown or not there
        raise UserError(f"--device {device}: {str(error).splitlines()[0]}") from None
