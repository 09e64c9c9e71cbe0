"""The command `evaluate`: a trained system on seen and unseen people, side by side."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from deepfacegen.cli import options, pipeline
from deepfacegen.errors import UserError, did_you_mean

METRICS = Path("metrics/evaluate")
KEYS = ("accuracy", "ci95_low", "ci95_high")
CELLS = [(population, group) for population in ("unseen", "seen") for group in ("ungrouped", "gender")]
SCORES = (("", "cosine"), ("_centred", "centred cosine"), ("_own", "own features"))
ENLARGED = (
    ("psnr_db", "PSNR, dB", 1),
    ("ssim", "SSIM", 3),
    ("identity_cosine", "cosine to the real face", 3),
)
NO_TRIALS = "-: no trials, for no two of these people are listed with one gender"
DESCRIPTION = """\
Evaluate a trained system on the people of the current project, unseen beside seen people.

deepfacegen evaluate cgan
deepfacegen evaluate pins --json
"""
DETAILS = """\
This runs `dvc repro --single-item evaluate@SYSTEM` and prints its main metrics. DVC runs the stage if its
code, parameters or inputs changed, updates dvc.lock, and otherwise changes nothing. Earlier stages do not
run, so the present model is evaluated; `dvc repro evaluate@SYSTEM` updates them first. All metrics are in
metrics/evaluate/SYSTEM.json (docs/metrics.md, Metrics).

The table: accuracy of voice to face, choice of two, in percent, with 95 % intervals over people. Grouped:
both faces are of one gender. Chance is 50. A refiner (cyclegan): how near its faces are to the photos, beside
interpolation.

exit codes: 0 evaluated; 1 not, the reason is on stderr, with the output of DVC; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `evaluate`."""
    parser = options.command(
        commands, "evaluate", "evaluate a trained system, unseen beside seen people", DESCRIPTION, DETAILS
    )
    parser.add_argument(
        "system", metavar="SYSTEM", help="cgan, speech2face, svhf, pins, contrastive or cyclegan"
    )
    parser.add_argument("--force", action="store_true", help="evaluate again although nothing changed")
    options.add(parser, "--json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the main metrics; returns the exit code. Raises UserError."""
    name = arguments.system
    known = sorted(pipeline.stages().get("evaluate", {}).get("foreach", []))
    if name not in known:
        raise UserError(
            f"{name}: no stage evaluates such a system (known: {', '.join(known)}){did_you_mean(name, known)}"
        )
    if not (Path("models") / name).exists():
        raise UserError(
            f"models/{name}: no trained model there; `dvc repro evaluate@{name}` trains and evaluates it"
        )
    pipeline.reproduce(f"evaluate@{name}", force=arguments.force)
    path = METRICS / f"{name}.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    result = {"system": name, "metrics": str(path), **headline(metrics)}
    options.write(arguments, result, [*table(name, metrics), "", f"all metrics: {path}"])
    return 0


def headline(metrics: dict[str, Any]) -> dict[str, Any]:
    """The main metrics: `matching...` of voice to face, `refinement`, or why it was `skipped`."""
    for key in ("skipped", "refinement"):
        if key in metrics:
            return {key: metrics[key]}
    scores = [f"matching{score}" for score, _ in SCORES if f"matching{score}" in metrics]
    main = {score: metrics[score]["voice_to_face"] for score in scores} | {"oracle": _oracle(metrics)}
    return {**main, "judge": metrics["judge"]} if "matching_centred" in metrics else main


def table(system: str, metrics: dict[str, Any]) -> list[str]:
    """The main metrics as lines of text."""
    if "skipped" in metrics:
        return [f"{system}: not trained: {metrics['skipped']}"]
    if "refinement" in metrics:
        return _enlarged(system, metrics["refinement"])
    generates = "matching_centred" in metrics  # else it matches voices and faces by a score of its own
    columns = [f"{who}, {'grouped' if group == 'gender' else group}" for who, group in CELLS]
    rows = [[f"{system}, judge {metrics['judge']}" if generates else system, *columns]]
    for score, name in SCORES:
        if f"matching{score}" in metrics:
            cells = metrics[f"matching{score}"]["voice_to_face"]
            rows.append([name if generates else "own comparison", *_cells(cells)])
    rows.append(["knows the gender only", *_cells(_oracle(metrics))])
    rows.append(["chance", *["50.0"] * len(CELLS)])
    return [*_aligned(rows), *([NO_TRIALS] if any("-" in row for row in rows) else [])]


def _oracle(metrics: dict[str, Any]) -> dict[str, Any]:
    """The oracle that knows the gender only; empty where no gender is listed."""
    return metrics["oracle"].get("gender", {}).get("matching", {}).get("voice_to_face", {})


def _enlarged(system: str, refinement: dict[str, Any]) -> list[str]:
    header = [f"{system}, x{refinement['scale']}", "bicubic", "attributes given", "attributes guessed"]
    rows = []
    for key, name, digits in ENLARGED:
        found = refinement[key]
        values = (found["bicubic"], found["given"]["refined"], found["guessed"]["refined"])
        rows.append([name, *(f"{value:.{digits}f}" for value in values)])
    return _aligned([header, *rows])


def _cells(found: dict[str, Any]) -> list[str]:
    return [_cell(found.get(population, {}).get(group)) for population, group in CELLS]


def _cell(found: dict[str, Any] | None) -> str:
    """Accuracy and interval in percent; a dash without trials, as among people of unknown gender."""
    if found is None:
        return "-"
    percent = {key: f"{100 * value:.1f}" for key, value in found.items() if key in KEYS}
    if "ci95_low" not in percent:
        return percent["accuracy"]
    return f"{percent['accuracy']} [{percent['ci95_low']}, {percent['ci95_high']}]"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
