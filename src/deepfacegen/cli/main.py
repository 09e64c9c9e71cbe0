"""The command `deepfacegen`: faces from recordings, faces and voices compared, and runs side by side."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import deepfacegen.early_interrupt  # noqa: F401
from deepfacegen import __version__
from deepfacegen.cli import completion, data_status, evaluate, export, preset, refine, report, retrieve, who
from deepfacegen.cli.workers import workers
from deepfacegen.demo import launch
from deepfacegen.errors import UserError, exit_code, printable, utf8
from deepfacegen.progress import Progress
from deepfacegen.server import publish
from deepfacegen.systems.protocol import FaceGenerator

# Each module has `add_parsers(commands)`, which adds its commands and sets `run`: parsed arguments -> exit
# code.
COMMANDS = (launch, retrieve, who, refine, evaluate, report, data_status, preset, completion, export, publish)

# Not in report/: that is an output of a stage, which DVC would find changed and the stage would empty.
COMPARED = Path("compare.html")
SIZES_PX = (128, 256)
TOP = """\
Draw faces from speech, compare faces with voices, and look after the models and results of a project.

deepfacegen COMMAND --help tells more.
"""
DESCRIPTION = """\
Draw a face from speech with the trained model.

A recording gives a face:              deepfacegen generate speech.m4a face.png
A folder of recordings, a folder:      deepfacegen generate recordings/ faces/

The face is a statistical guess from the voice. It is not a likeness of the speaker and identifies nobody.
"""
DETAILS = """\
A recording is a sound or video file of a usual kind. Silence is removed; up to 10 s of speech are used, 1.5 s are needed.
They are sought in the first ten minutes, and in other tracks and channels where the first have too little.

--size draws the face again, as large as that, with the refiner that the stage refine trains. It adds what faces with such attributes (some told by
the voice, the rest by the small face) look like on average: nothing more is known of the speaker. Beyond the refiner's own size
(cyclegan.size_px, 128 by default) faces are only interpolated.

--count N > 1 draws N faces of one voice: face-1.png ... face-N.png. The same recording, seed and model give the same faces.

A folder is searched with its subfolders, which are kept, and linked folders, each once. A file counts by its suffix, or by its content where
the suffix is missing or unusual. results.csv in the folder of faces has a row for each recording; passed_over.csv names what is none (other
files, hidden files, what systems leave behind, such as @eaDir). A name that would become too long is cut and ends in ~ and eight letters.
Started again after an interruption, the command goes on where it stopped; recordings that changed are drawn anew.

exit codes: 0 done (of a folder: at least one face is there); 1 nothing could be drawn, the reason is on stderr; 2 wrong usage; 130 interrupted
environment: DEEPFACEGEN_WORKERS, how many recordings are decoded at once (all cores); DEEPFACEGEN_DEVICE, like --device
"""
COMPARE = """\
Show two or more runs side by side on one page: figures with intervals, 1:N curves, judges, and the parameters that differ.

A change in the workspace and HEAD:    deepfacegen compare HEAD workspace
Two experiments and a branch:          deepfacegen compare exp-rough tuned main

A revision is a DVC experiment, branch, tag or commit; `workspace` is the files as they are. The first one is what the others are compared with.
"""
COMPARE_DETAILS = """\
Metrics and parameters are read from Git through DVC; nothing is checked out and the workspace stays as it is.
The page says when two runs were not evaluated on the same people, by the same judge, with the same questions.

exit codes: 0 the page is written; 1 it is not, the reason is on stderr; 2 wrong usage
"""


def main(
    argv: Sequence[str] | None = None, load: Callable[[Path, str | None], FaceGenerator] | None = None
) -> int:
    """Run the command and return its exit code. `load(models, device)` gives the system; tests pass their
    own."""
    return exit_code(lambda: _main(argv, load))


def _main(argv: Sequence[str] | None, load: Callable[[Path, str | None], FaceGenerator] | None) -> int:
    command_line = parser()
    for word in sys.argv[1:] if argv is None else argv:
        if not word or (word.startswith("--") and word.endswith("=")):  # Path("") would be the current folder
            command_line.error(f"{word or 'an argument'} is empty (a variable of the shell that is not set?)")
    arguments = command_line.parse_args(argv)
    try:
        if "run" in arguments:
            return int(arguments.run(arguments))
        if arguments.command == "compare":
            return _compare(arguments)
        return _generate(arguments, load or functools.partial(_load, size_px=arguments.size))
    except UserError as error:
        return _failed(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _failed(
            f"{error.filename or getattr(arguments, 'target', arguments.command)}: {error.strerror or error}"
        )
    except KeyboardInterrupt:
        goes_on = arguments.command == "data" or (
            arguments.command == "generate" and arguments.source.is_dir()
        )
        sys.stderr.write(
            "\ninterrupted; the same command goes on from here\n" if goes_on else "\ninterrupted\n"
        )
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line; wrong usage ends the program with exit code 2, as argparse does."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="deepfacegen", description=TOP, formatter_class=raw)
    top.add_argument("--version", action="version", version=f"deepfacegen {__version__}")
    commands = top.add_subparsers(dest="command", metavar="command", required=True)
    generate = commands.add_parser(
        "generate",
        help="draw faces from recordings",
        description=DESCRIPTION,
        epilog=DETAILS,
        formatter_class=raw,
    )
    generate.add_argument(
        "source", type=Path, help="a recording (wav, m4a, mp3, mp4, ...) or a folder of recordings"
    )
    generate.add_argument("target", type=Path, help="the face to write (.png), or a folder for the faces")
    generate.add_argument(
        "--count", type=_whole(1, 1000), default=1, metavar="N", help="faces for each recording (default: 1)"
    )
    generate.add_argument(
        "--seed", type=_whole(0, 2**31 - 1), default=0, metavar="S", help="seed of the noise (default: 0)"
    )
    generate.add_argument(
        "--size",
        type=int,
        choices=SIZES_PX,
        metavar="PX",
        help="side of the face, 128 or 256 (default: as drawn, 64)",
    )
    generate.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of the trained models (default: models)",
    )
    generate.add_argument(
        "--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if there is one)"
    )
    generate.add_argument("--json", action="store_true", help="print what was done as one JSON object")
    compare = commands.add_parser(
        "compare",
        help="show runs side by side",
        description=COMPARE,
        epilog=COMPARE_DETAILS,
        formatter_class=raw,
    )
    compare.add_argument("first", metavar="REV", help="the run that the others are compared with")
    compare.add_argument(
        "others", nargs="+", metavar="REV", help="experiments, branches, tags, commits, or workspace"
    )
    compare.add_argument(
        "-o",
        "--output",
        dest="target",
        type=Path,
        default=COMPARED,
        metavar="FILE",
        help=f"the page (default: {COMPARED})",
    )
    compare.add_argument(
        "--json", action="store_true", help="print where the page is, and warnings, as one JSON object"
    )
    for module in COMMANDS:
        module.add_parsers(commands)
    return top


def _compare(arguments: argparse.Namespace) -> int:
    from deepfacegen.report import compare, differences, revisions

    runs = revisions.read([arguments.first, *arguments.others])
    page, warnings = compare.write(runs, arguments.target), differences.warnings(runs)
    told = {"page": str(page), "runs": [arguments.first, *arguments.others], "warnings": warnings}
    sys.stdout.write(f"{json.dumps(told, sort_keys=True) if arguments.json else page}\n")
    for warning in warnings:
        sys.stderr.write(f"deepfacegen: {warning}\n")
    return 0


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return parse


def _generate(arguments: argparse.Namespace, load: Callable[[Path, str | None], FaceGenerator]) -> int:
    if not arguments.source.exists():
        raise UserError(f"{arguments.source}: no such file or folder")
    run = _folder if arguments.source.is_dir() else _recording
    code, told, line = run(arguments, lambda: load(arguments.models, arguments.device))
    sys.stdout.write(f"{json.dumps(told, sort_keys=True) if arguments.json else line}\n")
    return code


def _recording(
    arguments: argparse.Namespace, load: Callable[[], FaceGenerator]
) -> tuple[int, dict[str, Any], str]:
    from deepfacegen.api.predictor import draw_one
    from deepfacegen.data.files import file_names

    target = arguments.target
    if target.is_dir():
        room = 0 if arguments.count == 1 else len(f"-{arguments.count}")
        target = file_names.fitting(target / f"{arguments.source.stem}.png", file_names.longest(target), room)
    seconds, files = draw_one(arguments.source, target, load, count=arguments.count, seed=arguments.seed)
    told = {
        "recording": utf8(arguments.source),
        "speech_seconds": round(seconds, 2),
        "faces": [utf8(file) for file in files],
    }
    return 0, told, f"{' '.join(map(printable, files))} (from {seconds:.1f} s of speech)"


def _folder(
    arguments: argparse.Namespace, load: Callable[[], FaceGenerator]
) -> tuple[int, dict[str, Any], str]:
    from deepfacegen.cli.folder import PASSED_OVER, RESULTS, draw_folder, model_digest

    with Progress("recordings", None, write=lambda line: sys.stderr.write(f"{line}\n")) as progress:
        tally = draw_folder(
            arguments.source,
            arguments.target,
            load,
            count=arguments.count,
            seed=arguments.seed,
            drawn_with=model_digest(arguments.models, arguments.size),
            workers=workers(),
            advance=progress.show_done,
        )
    lists = [arguments.target / name for name in (RESULTS, *([PASSED_OVER] if tally.passed_over else []))]
    told = {
        **dataclasses.asdict(tally),
        **dict(zip(("results", "passed_over_list"), map(utf8, lists), strict=False)),
    }
    earlier = f", {tally.already_done} of them done before" if tally.already_done else ""
    reasons = "; ".join(f"{name.replace('_', ' ')}: {count}" for name, count in tally.passed_over.items())
    passed = f"; {sum(tally.passed_over.values())} passed over ({reasons})" if reasons else ""
    done = f"{tally.recordings} recordings{earlier}: {tally.ok} drawn, {tally.rejected} rejected{passed}"
    line = f"{done}; see {' and '.join(map(printable, lists))}"
    return (0 if tally.ok else 1), told, line


def _load(models: Path, device: str | None, size_px: int | None = None) -> FaceGenerator:
    """The trained system, with a size the one that draws larger faces. Raises UserError if it is missing or
    the device is."""
    from deepfacegen.systems import registry

    try:
        system = (
            registry.load("cgan", models, device)
            if size_px is None
            else registry.enlarged_generator(size_px, models, device)
        )
    except RuntimeError as error:  # torch's word for a device that is unknown or not there
        raise UserError(f"--device {device}: {str(error).splitlines()[0]}") from None
    if not isinstance(system, FaceGenerator):
        raise UserError(f"{models}: this model draws no faces")
    return system


def _failed(message: str) -> int:
    sys.stderr.write(f"deepfacegen: {printable(message)}\n")
    return 1
