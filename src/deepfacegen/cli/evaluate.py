"""The command `evaluate`: a trained system on seen and unseen people, side by side."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deepfacegen.cli import pipeline
from deepfacegen.errors import UserError

METRICS = Path("metrics/evaluate")
POPULATIONS = ("unseen", "seen")
WAYS = (("", "cosine"), ("_centred", "centred cosine"), ("_own", "own features"))
ENLARGED = (
    ("psnr_db", "PSNR, dB", 1),
    ("ssim", "SSIM", 3),
    ("identity_cosine", "cosine to the true face", 3),
)
DESCRIPTION = """\
Evaluate a trained system on the people of the current project, and show unseen beside seen people.

deepfacegen evaluate cgan
deepfacegen evaluate pins --json
"""
DETAILS = """\
This is `dvc repro --single-item evaluate@SYSTEM` and a table of its main figures: DVC runs the stage if its code, parameters or inputs changed, notes
it in dvc.lock, and otherwise leaves everything as it is. The stages before it do not run, so the model at hand is what is evaluated;
`dvc repro evaluate@SYSTEM` brings them up to date first. All figures are in metrics/evaluate/SYSTEM.json (docs/architecture.md, Metrics).

Voice to face, choice of two, in percent, with 95 % intervals over people. Grouped: both faces are of one gender. Guessing gives 50.
A refiner (cyclegan) is told by how near its faces come to the photos, beside interpolation.

exit codes: 0 evaluated; 1 not, the reason is on stderr, where DVC's own words go as well; 2 wrong usage
"""


def add_parsers(commands: Any) -> None:
    """The command `evaluate`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        "evaluate", help="evaluate a trained system, unseen beside seen people", formatter_class=raw
    )
    parser.description, parser.epilog = DESCRIPTION, DETAILS
    parser.add_argument(
        "system", metavar="SYSTEM", help="cgan, speech2face, svhf, pins, contrastive or cyclegan"
    )
    parser.add_argument("--force", action="store_true", help="evaluate again although nothing changed")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line asks for; returns the exit code. Raises UserError."""
    known = list(pipeline.stages().get("evaluate", {}).get("foreach", []))
    if arguments.system not in known:
        raise UserError(
            f"{arguments.system}: no stage evaluates such a system (known: {', '.join(sorted(known))})"
        )
    if not (Path("models") / arguments.system).exists():
        raise UserError(
            f"models/{arguments.system}: no trained model there; `dvc repro evaluate@{arguments.system}` trains and evaluates it"
        )
    pipeline.reproduce(f"evaluate@{arguments.system}", force=arguments.force)
    path = METRICS / f"{arguments.system}.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    if arguments.json:
        told = {"system": arguments.system, "metrics": str(path), **headline(metrics)}
        sys.stdout.write(f"{json.dumps(told, sort_keys=True)}\n")
    else:
        sys.stdout.write("\n".join([*table(arguments.system, metrics), "", f"all figures: {path}", ""]))
    return 0


def headline(metrics: dict[str, Any]) -> dict[str, Any]:
    """The main figures of a system as they stand in its metrics: `matching...` of voice to face,
    `refinement`, or why it was `skipped`."""
    if "skipped" in metrics:
        return {"skipped": metrics["skipped"]}
    if "refinement" in metrics:
        return {"refinement": metrics["refinement"]}
    ways = [f"matching{way}" for way, _ in WAYS if f"matching{way}" in metrics]
    told: dict[str, Any] = {way: metrics[way]["voice_to_face"] for way in ways}
    told["oracle"] = _oracle(metrics)
    return {**told, "judge": metrics["judge"]} if "matching_centred" in metrics else told


def table(system: str, metrics: dict[str, Any]) -> list[str]:
    """Lines of a table for people."""
    if "skipped" in metrics:
        return [f"{system}: not trained: {metrics['skipped']}"]
    if "refinement" in metrics:
        return _enlarged(system, metrics["refinement"])
    rows = [
        [system if "matching_centred" not in metrics else f"{system}, judge {metrics['judge']}", *_columns()]
    ]
    for way, name in WAYS:
        if f"matching{way}" in metrics:
            found = metrics[f"matching{way}"]["voice_to_face"]
            label = name if "matching_centred" in metrics else "own comparison"
            rows.append(
                [
                    label,
                    *(
                        _cell(found[population].get(group))
                        for population in POPULATIONS
                        for group in ("ungrouped", "gender")
                    ),
                ]
            )
    oracle = _oracle(metrics)
    cells = [
        _cell(oracle.get(population, {}).get(group))
        for population in POPULATIONS
        for group in ("ungrouped", "gender")
    ]
    rows.append(["knows the gender only", *cells])
    rows.append(["chance", *["50.0"] * 4])
    return _aligned(rows)


def _oracle(metrics: dict[str, Any]) -> dict[str, Any]:
    """Of who knows the gender only; empty where nobody's is listed."""
    return metrics["oracle"].get("gender", {}).get("matching", {}).get("voice_to_face", {})


def _columns() -> list[str]:
    return [f"{population}, {group}" for population in POPULATIONS for group in ("ungrouped", "grouped")]


def _enlarged(system: str, told: dict[str, Any]) -> list[str]:
    rows = [[f"{system}, x{told['scale']}", "bicubic", "attributes told", "attributes guessed"]]
    for key, name, digits in ENLARGED:
        rows.append(
            [
                name,
                *(
                    f"{value:.{digits}f}"
                    for value in (
                        told[key]["bicubic"],
                        *(told[key][way]["refined"] for way in ("given", "guessed")),
                    )
                ),
            ]
        )
    return _aligned(rows)


def _cell(found: dict[str, Any] | None) -> str:
    """Accuracy and interval in percent; a dash where nobody could be asked, such as among people of unknown
    gender."""
    if found is None:
        return "-"
    text = f"{100 * found['accuracy']:.1f}"
    return (
        f"{text} [{100 * found['ci95_low']:.1f}, {100 * found['ci95_high']:.1f}]"
        if "ci95_low" in found
        else text
    )


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
