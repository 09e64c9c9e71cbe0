"""The command `export`: speech to face as one file for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from deepfacegen.cli import options
from deepfacegen.errors import UserError

DESCRIPTION = """\
Write the trained model, speech to face, as one file.

For ONNX Runtime, any language:     deepfacegen export face.onnx
For PyTorch without this package:   deepfacegen export face.pt2

The exported model is first compared with the model itself on speech of several lengths.
"""
DETAILS = """\
inputs:
  speech  int16 [1, T]: 16 kHz mono, silence removed, 60 ms or more, at most 10 s of it as in training
  noise   float32 [N, Z]: latents, standard normal
outputs:
  faces     uint8 [N, S, S, 3], RGB
  pixels    float32 [N, 3, S, S], the same in [-1, 1]
  voice     float32 [1, Y], the embedding of the voice
  pitch_hz  float32 [1], the median pitch, 0 where nothing is voiced

--models takes a release as well. Load .pt2 files from trusted sources only: torch.export.load may run code
in them.

exit codes: 0 the file is written; 1 it is not, the reason is on stderr; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `export`."""
    parser = options.command(
        commands, "export", "write the model as ONNX or torch.export", DESCRIPTION, DETAILS
    )
    parser.add_argument("target", type=Path, help="the file to write (.onnx or .pt2)")
    options.add(parser, "--models", "--json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export and print the differences; returns the exit code. Raises UserError."""
    kind = arguments.target.suffix.lower()
    if kind not in (".onnx", ".pt2"):
        raise UserError(f"{arguments.target}: the name must end in .onnx or .pt2")
    from deepfacegen.release import export  # imports torch, which takes seconds

    write = export.onnx_model if kind == ".onnx" else export.exported_program
    exported = write(arguments.models, arguments.target)
    size = arguments.target.stat().st_size
    worst = f"pixels differ from the model's by at most {exported['largest_difference']['pixels']:.1g} of 2"
    line = f"{arguments.target} ({size / 1e6:.1f} MB; {worst})"
    options.write(arguments, {"model": str(arguments.target), "bytes": size, **exported}, line)
    return 0
