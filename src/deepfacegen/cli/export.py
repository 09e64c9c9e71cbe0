"""The command `export`: speech to face as one file for other programs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deepfacegen.errors import UserError

DESCRIPTION = """\
Write the trained model, speech to face, as one file.

For ONNX Runtime, any language:     deepfacegen export face.onnx
For PyTorch without this package:   deepfacegen export face.pt2

Before it is written, the exported model is compared with the model itself on speech of several lengths.
"""
DETAILS = """\
inputs:  speech  int16 [1, T]: 16 kHz mono, silence removed, at most 10 s of it as in training; noise  float32 [N, Z], normal, unit deviation
outputs: faces  uint8 [N, S, S, 3], RGB; pixels  float32 [N, 3, S, S], the same in [-1, 1]; voice  float32 [1, Y], the description of the voice

--models takes a release as well. Load a .pt2 file only from where you trust: torch.export.load may run what is in it.

exit codes: 0 the file is written; 1 it is not, the reason is on stderr; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `export`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "export",
        help="write the model as ONNX or torch.export",
        description=DESCRIPTION,
        epilog=DETAILS,
        formatter_class=raw,
    )
    parser.add_argument("target", type=Path, help="the file to write (.onnx or .pt2)")
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of the trained models, or a release (default: models)",
    )
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line asks for; returns the exit code. Raises UserError."""
    kind = arguments.target.suffix.lower()
    if kind not in (".onnx", ".pt2"):
        raise UserError(f"{arguments.target}: the name must end in .onnx or .pt2")
    from deepfacegen.release import export  # brings in torch, which takes seconds

    told = (export.onnx_model if kind == ".onnx" else export.exported_program)(
        arguments.models, arguments.target
    )
    size = arguments.target.stat().st_size
    if arguments.json:
        sys.stdout.write(
            f"{json.dumps({'model': str(arguments.target), 'bytes': size, **told}, sort_keys=True)}\n"
        )
    else:
        worst = told["largest_difference"]["pixels"]
        sys.stdout.write(
            f"{arguments.target} ({size / 1e6:.1f} MB; pixels differ from the model's by at most {worst:.1g} of 2)\n"
        )
    return 0
