"""One table of all systems for a paper: matching accuracy of unseen and of seen people side by side, as
LaTeX, Markdown or CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfacegen.errors import UserError
from deepfacegen.report.collect import evaluations
from deepfacegen.report.values import HEADLINE, Estimate, cell, estimates, generates, kinds, percent

MISSING = "--"
COLUMNS = tuple(f"{population}, {group}" for population, group in HEADLINE)
LATEX_COLUMNS = tuple("ungrouped" if group == "ungrouped" else "by gender" for _, group in HEADLINE)
LATEX_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


@dataclass(frozen=True)
class Row:
    """A system by one way to compare; judge: None for one that scores voice and face itself; digest: of the
    people; cells: accuracies in the order of HEADLINE."""

    system: str
    way: str
    judge: str | None
    digest: str | None
    cells: tuple[Estimate | None, ...]


def rows(root: Path = Path()) -> list[Row]:
    """From metrics/evaluate below `root`, voice to face; without refiners and skipped systems. Raises
    UserError when nothing is left, or a file is damaged."""
    found = [
        Row(name, kind.name, _judge(metrics, kind.mark), cell(metrics, "data.digest"), cells)
        for name, metrics in evaluations(root).items()
        for kind in kinds(metrics)
        if any(cells := tuple(estimates(metrics, f"matching{kind.suffix}")))
    ]
    if not found:
        raise UserError(f"{root / 'metrics' / 'evaluate'}: no system has been evaluated yet; run `dvc repro`")
    return found


def _judge(metrics: dict[str, Any], mark: str) -> str | None:
    return metrics.get("judge") if generates(metrics) and mark != "features" else None


def warnings(found: list[Row]) -> list[str]:
    """Why rows are not comparable."""
    said = []
    if len({row.digest for row in found}) > 1:
        said.append("the systems were evaluated on different data; evaluate them again")
    if len({row.judge for row in found if row.judge}) > 1:
        said.append("the systems were judged by different recognisers; evaluate them again")
    return said


def markdown(found: list[Row]) -> str:
    """Percent, with 95 % intervals in brackets."""
    lines = [f"| system | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    for row in found:
        name = f"{row.system}, {row.way.lower()}".replace("|", "\\|")
        lines.append(f"| {name} | {' | '.join(map(_text, row.cells))} |")
    return "\n".join(lines)


def latex(found: list[Row]) -> str:
    """A tabular for the package booktabs; percent, with 95 % intervals in brackets."""
    lines = [
        r"\begin{tabular}{lcccc}",
        r"\toprule",
        r" & \multicolumn{2}{c}{Unseen people} & \multicolumn{2}{c}{Seen people} \\",
        r"\cmidrule(lr){2-3} \cmidrule(lr){4-5}",
        rf"System & {' & '.join(LATEX_COLUMNS)} \\",
        r"\midrule",
    ]
    for row in found:
        name = _escaped(f"{row.system}, {row.way.lower()}")
        lines.append(rf"{name} & {' & '.join(map(_text, row.cells))} \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def comma_separated(found: list[Row]) -> str:
    """Fractions with all digits of the metrics; a value that is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{population}_{group}" for population, group in HEADLINE]
    ends = ("", "_ci95_low", "_ci95_high", "_trials", "_identities")
    writer.writerow(["system", "comparison", "judge", *(f"{name}{end}" for name in names for end in ends)])
    for row in found:
        values = [
            value
            for e in row.cells
            for value in ((e.value, e.low, e.high, e.trials, e.identities) if e else [None] * len(ends))
        ]
        writer.writerow([row.system, row.way.lower(), row.judge, *values])
    return text.getvalue().rstrip("\n")


FORMATS: dict[str, Callable[[list[Row]], str]] = {
    "markdown": markdown,
    "latex": latex,
    "csv": comma_separated,
}


def _text(found: Estimate | None) -> str:
    if found is None:
        return MISSING
    if found.low is None or found.high is None:
        return percent(found.value)
    return f"{percent(found.value)} [{percent(found.low)}, {percent(found.high)}]"


def _escaped(text: str) -> str:
    return re.sub(r"[\\~^&%$#_{}]", lambda found: LATEX_SPECIAL.get(found[0], f"\\{found[0]}"), text)
