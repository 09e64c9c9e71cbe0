"""A page that compares two or more runs: what differs, whether intervals overlap, and what makes runs
incomparable."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfacegen.errors import UserError
from deepfacegen.report import differences, dots
from deepfacegen.report.page import Chapter, Section, environment, slug
from deepfacegen.report.revisions import Run
from deepfacegen.report.sections import matching, pictures, verification
from deepfacegen.report.values import (
    DIRECTIONS,
    GROUPS,
    HEADLINE,
    HEADLINE_PATHS,
    JUDGES,
    POPULATIONS,
    Kind,
    at,
    cell,
    estimate,
    estimates,
    generates,
    kinds,
)

MOST_RUNS = 6  # as many as have a colour
FRONT = ("voice_to_face", "unseen")  # with charts of 1:N; the others have tables


def render(runs: list[Run]) -> str:
    """The page as HTML: what differs comes first, and what is the same in all runs is left out. Raises
    UserError for fewer than two runs or more than MOST_RUNS."""
    if not 2 <= len(runs) <= MOST_RUNS:
        raise UserError(f"compare takes 2 to {MOST_RUNS} revisions, not {len(runs)}")
    names = list(dict.fromkeys(name for run in runs for name in run.systems))
    changed = [name for name in names if differences.differ(run.systems.get(name) for run in runs)]
    parameters = differences.parameters(runs)
    same = differences.none(runs)
    start = [Section("compare/params", "params", "Parameters that differ", parameters)]
    systems = [
        Section("compare/system", f"system-{slug(name)}", name, _system(name, runs)) for name in changed
    ]
    end = [Section("compare/runs", "runs", "Runs", _identities(runs))]
    template = environment().get_template("compare.html.j2")
    return template.render(
        title="Deep Face Gen: comparison of runs",
        chapters=[Chapter("", end if same else [*start, *systems, *end])],
        runs=_columns(runs),
        warnings=differences.warnings(runs),
        same=same,
        unchanged=[name for name in names if name not in changed],
        overlaps=differences.overlaps(runs),
    )


def write(runs: list[Run], path: Path) -> Path:
    """Raises OSError when the path cannot be written."""
    text = render(runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@dataclass(frozen=True)
class Column:
    """One run: its CSS class, name, commit, and the metrics of one system."""

    mark: str
    name: str
    commit: str
    metrics: dict[str, Any]


def _columns(runs: list[Run], system: str = "") -> list[Column]:
    return [
        Column(f"run{k}", run.name, run.commit, run.systems.get(system) or {})
        for k, run in enumerate(runs, 1)
    ]


def _system(system: str, runs: list[Run]) -> dict[str, Any]:
    """The headline, and what else differs, each part without what is the same in all runs."""
    columns = _columns(runs, system)
    used = max((kinds(run.metrics) for run in columns if run.metrics), key=len)
    parts = (
        ("compare/rates", "Other judges", _judges(columns, used)),
        ("compare/rates", "Verification", _verification(columns, used)),
        ("compare/candidates", "Choice among N (1:N)", _many(columns, used)),
        ("compare/measures", "Image quality", _quality(columns)),
    )
    refined = [run.metrics.get("refinement") or {} for run in columns]
    return {
        "refined": differences.unlike([run.name for run in runs], refined),
        "headline": _headline(columns, used),
        "parts": [(f"{template}.html.j2", title, found) for template, title, found in parts if found],
    }


def _rows(columns: list[Column], key: str, name: str = "accuracy") -> list[dict[str, Any]]:
    """One row per run: a cell (value, difference to the first run, overlap with it) for each of HEADLINE."""
    found = [estimates(run.metrics, key, name=name) for run in columns]
    if not any(any(values) for values in found) or not differences.differ(found):
        return []
    return [
        {
            "run": run,
            "cells": [
                {
                    "value": e,
                    "difference": e.value - a.value if k and e and a else None,
                    "overlap": differences.overlap(e, a) if k else "",
                }
                for e, a in zip(values, found[0], strict=True)
            ],
        }
        for k, (run, values) in enumerate(zip(columns, found, strict=True))
    ]


def _headline(columns: list[Column], used: tuple[Kind, ...]) -> list[dict[str, Any]]:
    tables = []
    for kind in used:
        rows = _rows(columns, f"matching{kind.suffix}")
        bars = [
            dots.Row(
                f"{p.capitalize()}, {GROUPS[g]}",
                tuple((row["run"].mark, row["cells"][k]["value"]) for row in rows),
            )
            for k, (p, g) in enumerate(HEADLINE)
        ]
        described = f"{kind.name}: accuracy of every run, with 95 % intervals"
        names = {run.mark: run.name for run in columns}
        if rows:
            chart = dots.accuracy_chart(bars, described, wide=True, names=names)
            tables.append({"kind": kind, "chart": chart, "rows": rows})
    return tables


def _many(columns: list[Column], used: tuple[Kind, ...]) -> list[dict[str, Any]]:
    panels = []
    for direction, group, population, kind in itertools.product(DIRECTIONS, GROUPS, POPULATIONS, used):
        path = f"forced_choice{kind.suffix}.{direction}.{population}.{group}"
        blocks = [cell(run.metrics, path) or {} for run in columns]
        series = [
            matching.curve(block, run.mark, run.name) for run, block in zip(columns, blocks, strict=True)
        ]
        if any(s.x for s in series) and differences.differ(blocks):
            title = f"{DIRECTIONS[direction]}, {population}, {GROUPS[group]}, {kind.name.lower()}"
            rows = [(n, [estimate(block.get(f"of_{n}")) for block in blocks]) for n in matching.CANDIDATES]
            front = (direction, population) == FRONT
            chart = matching.many_chart(series, title) if front else ""
            panels.append({"title": title, "chart": chart, "runs": columns, "rows": rows})
    return panels


def _judges(columns: list[Column], used: tuple[Kind, ...]) -> list[dict[str, Any]]:
    """Tables of the judges besides the first, whose figures are the headline."""
    names = dict.fromkeys(name for run in columns for name in run.metrics.get("judges", {}))
    keys = {
        f"{JUDGES.get(name, name)}, {kind.name.lower()}": (f"judges.{name}.matching{kind.suffix}", "accuracy")
        for name in names
        if name != "agreement"
        for kind in used
    }
    return _tables(columns, keys)


def _verification(columns: list[Column], used: tuple[Kind, ...]) -> list[dict[str, Any]]:
    keys = {
        f"{short}, {kind.name.lower()}": (f"verification{kind.suffix}", rate)
        for rate, short, _ in verification.RATES
        for kind in used
    }
    return _tables(columns, keys)


def _tables(columns: list[Column], keys: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """One table per title; `keys`: title -> key of the metrics and name of the value."""
    tables = [{"title": title, "rows": _rows(columns, *key)} for title, key in keys.items()]
    return [table for table in tables if table["rows"]]


def _quality(columns: list[Column]) -> dict[str, Any] | None:
    rows = []
    for measure in pictures.MEASURES:
        values = [cell(run.metrics, measure.key.format(run.metrics.get("judge"))) for run in columns]
        if differences.differ(values):
            rows.append({"measure": measure, "values": values})
    return {"runs": columns, "rows": rows} if rows else None


def _identities(runs: list[Run]) -> list[dict[str, Any]]:
    rows = []
    for run, column in zip(runs, _columns(runs), strict=True):
        for system, metrics in run.systems.items():
            front = at(metrics, "matching", HEADLINE_PATHS[0])
            rows.append(
                {
                    "judge": metrics.get("judge") if generates(metrics) else "itself",
                    "digest": cell(metrics, "data.digest"),
                    "source": cell(metrics, "data.source"),
                    "run": column,
                    "system": system,
                    "alone": len(run.systems) == 1,
                    "trials": front.trials if front else None,
                    "people": front.identities if front else None,
                }
            )
    return rows
