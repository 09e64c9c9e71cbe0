"""The command `generate`: faces from a recording, or from each recording of a folder."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepfacegen.cli import models, options
from deepfacegen.errors import UserError, printable, utf8
from deepfacegen.progress import Progress
from deepfacegen.systems.protocol import FaceGenerator

SIZES_PX = (128, 256)
DESCRIPTION = """\
Generate a face from speech with the trained model.

One recording, one face:               deepfacegen generate speech.m4a face.png
A folder of recordings, a folder:      deepfacegen generate recordings/ faces/

The face is a statistical guess from the voice. It is not a likeness of the speaker and identifies nobody.
"""
DETAILS = """\
A recording is a sound or video file of a common format. Silence is removed. Up to 10 s of speech are used,
and 1.5 s are needed. The first ten minutes are searched for speech, then other tracks and channels.

--size enlarges the face with the refiner that the stage refine trains. It adds average detail for the face's
attributes, which come from the voice and the small face; nothing more is known of the speaker. Beyond the
refiner's own size (cyclegan.size_px, 128 by default) faces are only interpolated.

--count N > 1 writes N faces of one voice: face-1.png ... face-N.png. The same recording, seed and model give
the same faces.

A folder is searched with its subfolders, which are kept, and linked folders, each once. A file counts by its
suffix, or by its content where the suffix is missing or unusual. results.csv in the folder of faces has a row
for each recording. passed_over.csv lists all other files (such as hidden files and @eaDir). A name that would
be too long is cut and ends in ~ and eight letters. After an interruption, the same command resumes;
recordings that changed are done again.

exit codes: 0 done (of a folder: at least one face); 1 no face, the reason is on stderr; 2 wrong usage;
  130 interrupted
environment: DEEPFACEGEN_WORKERS, how many recordings are decoded at once (all cores);
  DEEPFACEGEN_DEVICE, like --device
"""

# exit code, JSON result, line of text
Outcome = tuple[int, dict[str, Any], str]


def add_parsers(commands: Any) -> None:
    """The command `generate`."""
    parser = options.command(commands, "generate", "generate faces from recordings", DESCRIPTION, DETAILS)
    parser.add_argument(
        "source", type=Path, help="a recording (wav, m4a, mp3, mp4, ...) or a folder of recordings"
    )
    parser.add_argument("target", type=Path, help="the face to write (.png), or a folder for the faces")
    count, seed = options.whole(1, 1000), options.whole(0, 2**31 - 1)
    parser.add_argument(
        "--count", type=count, default=1, metavar="N", help="faces for each recording (default: 1)"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="S", help="seed of the latents (default: 0)")
    help_size = "side of the face, 128 or 256 (default: the model's, 64)"
    parser.add_argument("--size", type=int, choices=SIZES_PX, metavar="PX", help=help_size)
    options.add(parser, "--models", "--device", "--json")
    parser.set_defaults(run=run, resumable=lambda arguments: arguments.source.is_dir())


def run(arguments: argparse.Namespace) -> int:
    """Generate and print the result; returns the exit code. Raises UserError."""
    if not arguments.source.exists():
        raise UserError(f"{arguments.source}: no such file or folder")
    work = _folder if arguments.source.is_dir() else _recording
    code, result, line = work(
        arguments, lambda: models.generator(arguments.models, arguments.device, arguments.size)
    )
    options.write(arguments, result, line)
    return code


def _recording(arguments: argparse.Namespace, load: Callable[[], FaceGenerator]) -> Outcome:
    from deepfacegen.api.faces import fitting_name, generate_one
    from deepfacegen.data.files import file_names

    target = arguments.target
    if target.is_dir():
        name = target / f"{arguments.source.stem}.png"
        target = fitting_name(name, arguments.count, file_names.longest(target))
    seconds, files = generate_one(arguments.source, target, load, count=arguments.count, seed=arguments.seed)
    result = {
        "recording": utf8(arguments.source),
        "speech_seconds": round(seconds, 2),
        "faces": [utf8(file) for file in files],
    }
    return 0, result, f"{' '.join(map(printable, files))} (from {seconds:.1f} s of speech)"


def _folder(arguments: argparse.Namespace, load: Callable[[], FaceGenerator]) -> Outcome:
    from deepfacegen.api.folder import generate_folder, model_digest
    from deepfacegen.api.reading import workers
    from deepfacegen.api.results import PASSED_OVER, RESULTS

    with Progress("recordings", None, write=lambda line: sys.stderr.write(f"{line}\n")) as progress:
        tally = generate_folder(
            arguments.source,
            arguments.target,
            load,
            count=arguments.count,
            seed=arguments.seed,
            model=model_digest(arguments.models, arguments.size),
            workers=workers(),
            advance=progress.show_done,
        )
    lists = [arguments.target / name for name in (RESULTS, *([PASSED_OVER] if tally.passed_over else []))]
    result = dataclasses.asdict(tally)
    result |= dict(zip(("results", "passed_over_list"), map(utf8, lists), strict=False))
    earlier = f", {tally.already_done} of them already done" if tally.already_done else ""
    reasons = "; ".join(f"{name.replace('_', ' ')}: {count}" for name, count in tally.passed_over.items())
    passed = f"; {sum(tally.passed_over.values())} passed over ({reasons})" if reasons else ""
    done = f"{tally.recordings} recordings{earlier}: {tally.ok} ok, {tally.rejected} rejected{passed}"
    return (0 if tally.ok else 1), result, f"{done}; see {' and '.join(map(printable, lists))}"
