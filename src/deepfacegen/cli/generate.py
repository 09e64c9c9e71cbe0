"""The command `generate`: faces from a recording, or from each recording of a folder."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfacegen.api import sizes
from deepfacegen.cli import models, options
from deepfacegen.errors import UserError, printable, utf8

if TYPE_CHECKING:
    from deepfacegen.api.voice_report import ReadyGenerator, VoiceReport

DESCRIPTION = """\
Generate a face from speech with the trained model.

One recording, one face:               deepfacegen generate speech.m4a face.png
A folder of recordings, a folder:      deepfacegen generate recordings/ faces/

The face is a statistical guess from the voice. It is not a likeness of the speaker and identifies nobody.
"""
DETAILS = """\
A recording is a sound or video file of a common format. Silence is removed. Up to 10 s of speech are used,
and 1.5 s are needed. The first ten minutes are searched for speech, then other tracks and channels.

Below the name of the face stand estimates of how the voice sounds, if the models have a release
(models/release, of the stage release): the more likely gender with its probability, the age with an interval
that holds 80 % of the errors, and the typicality, the share of training voices that are less typical. Below
0.05 training had hardly any such voice: age and gender are withheld, and a warning goes to stderr.

--size: the model generates faces of its own size (64 px by default). Larger ones are interpolated from that
and show no more detail. A model of 128 px generates them itself (prior.image_size_px in params.yaml).

--count N > 1 writes N faces of one voice: face-1.png ... face-N.png. The same recording, seed and model give
the same faces.

A folder is searched with its subfolders, which are kept, and linked folders, each once. A file counts by its
suffix, or by its content where the suffix is missing or unusual. results.csv in the folder of faces has a row
for each recording, with the estimates. passed_over.csv lists all other files (such as hidden files and
@eaDir). A name that would be too long is cut and ends in ~ and eight letters. After an interruption, the same
command resumes; recordings that changed are done again.

exit codes: 0 done (of a folder: at least one face); 1 no face, the reason is on stderr; 2 wrong usage;
  130 interrupted
environment: DEEPFACEGEN_WORKERS, how many recordings are decoded at once (all cores);
  DEEPFACEGEN_DEVICE, like --device
"""
GENDERS = {"f": "female", "m": "male"}
NO_ESTIMATES = "no estimates from the voice: these models have no release (dvc repro release)"
UNFAMILIAR = "training had hardly any such voice; apparent gender and age are withheld, the face means little"
# exit code, JSON result, lines of text
Outcome = tuple[int, dict[str, Any], list[str]]


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
    help_size = f"side of the face, 64, 128 or 256 (default: {sizes.DEFAULT_PX}); interpolated, see below"
    parser.add_argument(
        "--size", type=int, choices=sizes.SIZES_PX, default=sizes.DEFAULT_PX, metavar="PX", help=help_size
    )
    options.add(parser, "--models", "--json")
    parser.add_argument("--device", metavar="NAME", help=options.DEVICE)
    parser.set_defaults(run=run, resumable=lambda arguments: arguments.source.is_dir())


def run(arguments: argparse.Namespace) -> int:
    """Generate and print the result; returns the exit code. Raises UserError."""
    if not arguments.source.exists():
        raise UserError(f"{arguments.source}: no such file or folder")
    work = _folder if arguments.source.is_dir() else _recording
    code, result, lines = work(arguments)
    options.write(arguments, result, lines)
    return code


def _load(arguments: argparse.Namespace) -> ReadyGenerator:
    from deepfacegen.api.voice_report import ReadyGenerator

    system = models.generator(arguments.models, arguments.device)
    return ReadyGenerator(system, arguments.size, models.readouts(arguments.models, system))


def _recording(arguments: argparse.Namespace) -> Outcome:
    from deepfacegen.api.faces import fitting_name, generate_one
    from deepfacegen.data.files import file_names

    target = arguments.target
    if target.is_dir():
        name = target / f"{arguments.source.stem}.png"
        target = fitting_name(name, arguments.count, file_names.longest(target))
    seconds, files, voice = generate_one(
        arguments.source, target, lambda: _load(arguments), count=arguments.count, seed=arguments.seed
    )
    result = {
        "recording": utf8(arguments.source),
        "speech_seconds": round(seconds, 2),
        "faces": [utf8(file) for file in files],
        "size_px": arguments.size,
        "voice": None if voice is None else dataclasses.asdict(voice),
    }
    names = " ".join(map(printable, files))
    lines = [f"{names} ({arguments.size} px, from {seconds:.1f} s of speech)"]
    lines.append(NO_ESTIMATES if voice is None else estimates(voice))
    if voice is not None and not voice.familiar:
        options.warn(f"warning: {printable(arguments.source)}: {UNFAMILIAR}")
    return 0, result, lines


def estimates(voice: VoiceReport) -> str:
    """The estimates from a voice as a line."""
    parts = []
    if voice.apparent_gender is not None:
        gender, share = max(voice.apparent_gender.items(), key=lambda item: item[1])
        # Few validation people give no certainty, whatever the rounding.
        parts.append(f"apparent gender: {GENDERS[gender]} ({100 * min(share, 0.99):.0f} %)")
    if (age := voice.apparent_age) is not None:
        interval = f"80 % interval {age.low_years:.0f} to {age.high_years:.0f}"
        parts.append(f"apparent age: {age.mean_years:.0f} years ({interval})")
    if not voice.familiar:
        parts.append("apparent gender and age: withheld")
    return ", ".join([*parts, f"typicality: {voice.typicality:.2f}"])


def _folder(arguments: argparse.Namespace) -> Outcome:
    from deepfacegen.api.folder import generate_folder, model_digest
    from deepfacegen.api.reading import workers
    from deepfacegen.api.results import PASSED_OVER, RESULTS
    from deepfacegen.progress import Progress

    digest = model_digest(arguments.models, models.readouts_file(arguments.models))
    with Progress("recordings", None, write=lambda line: sys.stderr.write(f"{line}\n")) as progress:
        tally = generate_folder(
            arguments.source,
            arguments.target,
            lambda: _load(arguments),
            count=arguments.count,
            seed=arguments.seed,
            model=f"{digest} {arguments.size} px",
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
    if tally.unfamiliar:
        options.warn(f"warning: {tally.unfamiliar} of {tally.ok} voices: {UNFAMILIAR}")
    return (0 if tally.ok else 1), result, [f"{done}; see {' and '.join(map(printable, lists))}"]
