"""A page that shows two or more runs side by side, and says what their intervals settle and what makes them
incomparable."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from deepfacegen.errors import UserError
from deepfacegen.report import figures
from deepfacegen.report.page import Chapter, Section, environment, slug
from deepfacegen.report.revisions import Run
from deepfacegen.report.sections import matching, pictures
from deepfacegen.report.values import (
    DIRECTIONS,
    GROUPS,
    HEADLINE,
    JUDGES,
    POPULATIONS,
    Estimate,
    Kind,
    at,
    cell,
    draws,
    estimate,
    flatten,
    kinds,
    number,
)

MOST_RUNS = 6  # as many as can be told apart by colour
ABSENT = "not there"
OVERLAP, APART = "intervals overlap", "intervals apart"
RATES = (("auc", "AUC"), ("eer", "EER"))


def render(runs: list[Run]) -> str:
    """The page as HTML. Raises UserError for fewer than two runs or more than MOST_RUNS."""
    if not 2 <= len(runs) <= MOST_RUNS:
        raise UserError(f"compare takes 2 to {MOST_RUNS} revisions, not {len(runs)}")
    names = list(dict.fromkeys(name for run in runs for name in run.systems))
    chapters = [
        Chapter(
            name if len(names) > 1 else "",
            _of_system(name, runs, f": {name}" if len(names) > 1 else "", f"-{slug(name)}"),
        )
        for name in names
    ]
    ends = [
        Section("compare_params", "params", "Parameters that differ", differing(runs)),
        Section("compare_runs", "runs", "The runs", _identities(runs)),
    ]
    chapters.append(Chapter("All systems" if len(names) > 1 else "", ends))
    return (
        environment()
        .get_template("compare.html.j2")
        .render(
            title="Deep Face Gen: runs side by side",
            chapters=chapters,
            runs=[_named(k, run) for k, run in enumerate(runs)],
            warnings=warnings(runs),
            settled=settled(runs),
        )
    )


def write(runs: list[Run], path: Path) -> Path:
    """Raises OSError when the path cannot be written."""
    text = render(runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def warnings(runs: list[Run]) -> list[str]:
    """What forbids to compare the runs, or makes it pointless, in sentences. Every pair of runs counts."""
    told = []
    for one, other in itertools.combinations(runs, 2):
        for system in one.systems.keys() & other.systems.keys():
            a, b = one.systems[system], other.systems[system]
            both, of = f"{one.name} and {other.name}", f" (system {system})" if len(one.systems) > 1 else ""
            if cell(a, "data.digest") != cell(b, "data.digest"):
                told.append(
                    f"{both} were evaluated on different data{of}: their trials are not of the same people, so a difference may be the people\u2019s."
                )
            if a.get("judge") != b.get("judge") and (draws(a) or draws(b)):
                told.append(
                    f"{both} have different judges{of} ({a.get('judge')} and {b.get('judge')}): their accuracies do not compare."
                )
            if _asked(one) != _asked(other):
                told.append(
                    f"{both} were asked differently{of}: a parameter of evaluate differs, and with it the trials, draws or intervals."
                )
            if a == b:
                told.append(f"{both} have the same results to the last digit{of}.")
    return told


def settled(runs: list[Run]) -> list[str]:
    """One sentence for each further run: how many of its headline figures lie apart from those of the first,
    above or below, and how many overlap."""
    told = []
    first, *others = runs
    for other in others:
        counts = {"above": 0, "below": 0, "overlap": 0}
        for system in first.systems.keys() & other.systems.keys():
            for kind, (p, g) in itertools.product(kinds(first.systems[system]), HEADLINE):
                a, b = (
                    at(run.systems[system], f"matching{kind.suffix}", f"voice_to_face.{p}.{g}")
                    for run in (first, other)
                )
                if found := overlap(b, a):
                    counts[
                        "overlap"
                        if found == OVERLAP
                        else "above"
                        if b and a and b.value > a.value
                        else "below"
                    ] += 1
        total = sum(counts.values())
        told.append(
            f"{other.name} against {first.name}: of {total} headline intervals, {counts['above']} lie above, {counts['below']} below, "
            f"and {counts['overlap']} overlap, which settles nothing."
            if total
            else f"{other.name} and {first.name} have no headline figure in common."
        )
    return told


def overlap(one: Estimate | None, other: Estimate | None) -> str:
    """Whether two intervals share a value; "" if one of them is missing."""
    if one is None or other is None or None in (one.low, one.high, other.low, other.high):
        return ""
    apart = one.high < other.low or other.high < one.low  # type: ignore[operator]
    return APART if apart else OVERLAP


def differing(runs: list[Run]) -> dict[str, Any]:
    """Dotted parameters that are not the same in all runs, each with its value per run."""
    flat = [flatten(run.params) for run in runs]
    keys = [
        key
        for key in dict.fromkeys(key for params in flat for key in params)
        if len({repr(params.get(key, ABSENT)) for params in flat}) > 1
    ]
    return {
        "runs": [run.name for run in runs],
        "rows": [(key, [number(params.get(key, ABSENT)) for params in flat]) for key in keys],
    }


def _asked(run: Run) -> Any:
    return run.params.get("evaluate")


def _named(k: int, run: Run) -> dict[str, Any]:
    return {"mark": f"run{k + 1}", "name": run.name, "commit": run.commit}


def _of_system(system: str, runs: list[Run], whose: str, ending: str) -> list[Section]:
    trees = [run.systems.get(system) or {} for run in runs]
    used = max((kinds(tree) for tree in trees if tree), key=len)
    named = [_named(k, run) for k, run in enumerate(runs)]
    parts = (
        ("compare_headline", "headline", "Headline", _headline(named, trees, used)),
        ("compare_many", "many", "One among many, 1:N", _many(named, trees, used)),
        ("compare_rates", "judges", "Judge by judge", _judges(named, trees, used)),
        ("compare_rates", "verification", "Verification", _verification(named, trees, used)),
        ("compare_quality", "quality", "Image quality", _quality(named, trees)),
    )
    return [
        Section(template, f"{part}{ending}", f"{title}{whose}", data)
        for template, part, title, data in parts
        if data
    ]


def _rows(
    named: list[dict[str, Any]], trees: list[dict[str, Any]], key: str, name: str = "accuracy"
) -> list[dict[str, Any]]:
    """One row per run: a cell (value, difference to the first run, overlap with it) for each of HEADLINE."""
    rows: list[dict[str, Any]] = []
    first: list[Estimate | None] = []
    for run, tree in zip(named, trees, strict=True):
        found = [estimate(cell(tree, f"{key}.voice_to_face.{p}.{g}"), name) for p, g in HEADLINE]
        first = first or found
        cells = [
            {
                "value": e,
                "difference": e.value - a.value if rows and e and a else None,
                "overlap": overlap(e, a) if rows else "",
            }
            for e, a in zip(found, first, strict=True)
        ]
        rows.append({"run": run, "cells": cells})
    return rows if any(c["value"] for row in rows for c in row["cells"]) else []


def _headline(
    named: list[dict[str, Any]], trees: list[dict[str, Any]], used: tuple[Kind, ...]
) -> list[dict[str, Any]]:
    tables = []
    for kind in used:
        rows = _rows(named, trees, f"matching{kind.suffix}")
        bars = [
            figures.Row(
                f"{p.capitalize()}, {GROUPS[g]}",
                tuple((row["run"]["mark"], row["cells"][k]["value"]) for row in rows),
            )
            for k, (p, g) in enumerate(HEADLINE)
        ]
        scale = figures.accuracy_scale([found for bar in bars for _, found in bar.dots])
        names = dict(zip((run["mark"] for run in named), (run["name"] for run in named), strict=True))
        chart = figures.dot_chart(
            bars, scale, f"{kind.name}: accuracy of every run, with 95 % intervals", wide=True, names=names
        )
        if rows:
            tables.append({"kind": kind, "chart": chart, "rows": rows})
    return tables


def _many(
    named: list[dict[str, Any]], trees: list[dict[str, Any]], used: tuple[Kind, ...]
) -> list[dict[str, Any]]:
    panels = []
    for direction, group, population, kind in itertools.product(DIRECTIONS, GROUPS, POPULATIONS, used):
        blocks = [
            cell(tree, f"forced_choice{kind.suffix}.{direction}.{population}.{group}") for tree in trees
        ]
        series = [
            matching.curve(block, run["mark"], run["name"]) for run, block in zip(named, blocks, strict=True)
        ]
        if any(s.x for s in series):
            title = f"{DIRECTIONS[direction]}, {population}, {GROUPS[group]}, {kind.name.lower()}"
            rows = [
                (n, [estimate((block or {}).get(f"of_{n}")) for block in blocks])
                for n in range(2, matching.MOST_CANDIDATES + 1)
            ]
            panels.append(
                {"title": title, "chart": matching.many_chart(series, title), "runs": named, "rows": rows}
            )
    return panels


def _judges(
    named: list[dict[str, Any]], trees: list[dict[str, Any]], used: tuple[Kind, ...]
) -> list[dict[str, Any]]:
    """Tables of the judges besides the first, whose figures are the headline."""
    names = dict.fromkeys(name for tree in trees for name in tree.get("judges", {}) if name != "agreement")
    tables = [
        {
            "title": f"{JUDGES.get(name, name)}, {kind.name.lower()}",
            "rows": _rows(named, trees, f"judges.{name}.matching{kind.suffix}"),
        }
        for name in names
        for kind in used
    ]
    return [table for table in tables if table["rows"]]


def _verification(
    named: list[dict[str, Any]], trees: list[dict[str, Any]], used: tuple[Kind, ...]
) -> list[dict[str, Any]]:
    tables = [
        {
            "title": f"{short}, {kind.name.lower()}",
            "rows": _rows(named, trees, f"verification{kind.suffix}", rate),
        }
        for rate, short in RATES
        for kind in used
    ]
    return [table for table in tables if table["rows"]]


def _quality(named: list[dict[str, Any]], trees: list[dict[str, Any]]) -> dict[str, Any] | None:
    rows = []
    for measure in pictures.MEASURES:
        values = [cell(tree, measure.key.format(tree.get("judge"))) for tree in trees]
        if any(value is not None for value in values):
            rows.append({"measure": measure, "values": values})
    return {"runs": named, "rows": rows} if rows else None


def _identities(runs: list[Run]) -> list[dict[str, Any]]:
    told = []
    for k, run in enumerate(runs):
        for system, metrics in run.systems.items():
            front = at(metrics, "matching", "voice_to_face.unseen.ungrouped")
            facts = {
                "judge": metrics.get("judge") if draws(metrics) else "itself",
                "digest": cell(metrics, "data.digest"),
                "source": cell(metrics, "data.source"),
            }
            told.append(
                {
                    **facts,
                    "run": _named(k, run),
                    "system": system,
                    "alone": len(run.systems) == 1,
                    "trials": front.trials if front else None,
                    "people": front.identities if front else None,
                }
            )
    return told
