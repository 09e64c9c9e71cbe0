"""Differences of runs: what makes them incomparable, overlaps of intervals, and parameters."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

from deepfacegen.report.revisions import Run
from deepfacegen.report.values import Estimate, cell, estimates, flatten, generates, kinds, number

ABSENT = "absent"
OVERLAP, APART = "intervals overlap", "intervals apart"


def differ(values: Iterable[Any]) -> bool:
    """Whether not all values are the same."""
    first, *others = values
    return any(other != first for other in others)


def none(runs: list[Run]) -> str:
    """One line if no metric and no parameter differs between the runs, else ""."""
    if differ(run.systems for run in runs) or parameters(runs)["rows"]:
        return ""
    names = f"{', '.join(run.name for run in runs[:-1])} and {runs[-1].name}"
    return f"No difference: {names} have the same metrics and the same parameters."


def warnings(runs: list[Run]) -> list[str]:
    """Sentences about what makes runs incomparable. Every pair of runs counts."""
    found = []
    for one, other in itertools.combinations(runs, 2):
        for system in filter(other.systems.__contains__, one.systems):
            a, b = one.systems[system], other.systems[system]
            both, of = f"{one.name} and {other.name}", f" (system {system})" if len(one.systems) > 1 else ""
            if cell(a, "data.digest") != cell(b, "data.digest"):
                found.append(
                    f"{both} were evaluated on different data{of}: their trials have different people, "
                    "which may explain a difference."
                )
            if a.get("judge") != b.get("judge") and (generates(a) or generates(b)):
                judges = f"{a.get('judge')} and {b.get('judge')}"
                found.append(f"{both} have different judges{of} ({judges}): their accuracies do not compare.")
            if one.params.get("evaluate") != other.params.get("evaluate"):
                found.append(
                    f"{both} were evaluated with different parameters{of}: "
                    "trials, generated faces or intervals differ."
                )
    return found


def overlaps(runs: list[Run]) -> list[str]:
    """One sentence for each further run: how many of its headline intervals lie above or below those of the
    first, and how many overlap."""
    sentences = []
    first, *others = runs
    for other in others:
        found = Counter(
            _side(a, b)
            for system in filter(other.systems.__contains__, first.systems)
            for kind in kinds(first.systems[system])
            for a, b in zip(
                *(estimates(run.systems[system], f"matching{kind.suffix}") for run in (first, other)),
                strict=True,
            )
        )
        total = sum(found[side] for side in ("above", "below", OVERLAP))
        sentences.append(
            f"{other.name} against {first.name}: of {total} headline intervals, {found['above']} lie above, "
            f"{found['below']} below, and {found[OVERLAP]} overlap, which decides nothing."
            if total
            else f"{other.name} and {first.name} have no headline figure in common."
        )
    return sentences


def _side(first: Estimate | None, other: Estimate | None) -> str:
    found = overlap(other, first)
    return found if found != APART else "above" if other and first and other.value > first.value else "below"


def overlap(one: Estimate | None, other: Estimate | None) -> str:
    """Whether two intervals share a value; "" if one of them is missing."""
    if one is None or other is None or None in (one.low, one.high, other.low, other.high):
        return ""
    apart = one.high < other.low or other.high < one.low  # type: ignore[operator]
    return APART if apart else OVERLAP


def parameters(runs: list[Run]) -> dict[str, Any]:
    """Dotted parameters that are not the same in all runs, each with its value per run."""
    return unlike([run.name for run in runs], [run.params for run in runs])


def unlike(names: list[str], trees: list[dict[str, Any]]) -> dict[str, Any]:
    """Dotted keys whose values are not the same in all trees, each with its value per tree."""
    flat = [flatten(tree) for tree in trees]
    values = {key: [found.get(key, ABSENT) for found in flat] for found in flat for key in found}
    rows = [(key, list(map(number, v))) for key, v in values.items() if len(set(map(repr, v))) > 1]
    return {"runs": names, "rows": rows}
