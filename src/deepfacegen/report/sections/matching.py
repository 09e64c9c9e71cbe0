"""Matching beyond the headline: all impostor groups, both directions, more candidates, other judges."""

from __future__ import annotations

import itertools
from typing import Any

from deepfacegen.report import curves, dots
from deepfacegen.report.values import (
    DIRECTIONS,
    GROUPS,
    HEADLINE_PATHS,
    JUDGES,
    POPULATIONS,
    Kind,
    at,
    cell,
    chart_names,
    estimate,
    estimates,
    judged,
    kinds,
)

CANDIDATES = range(2, 11)


def groups(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """A chart per direction and population and a table per direction: rows are impostor groups, cells
    (population, kind)."""
    used, found = kinds(metrics), []
    for direction, name in DIRECTIONS.items():
        present = [
            g for g in GROUPS if any(cell(metrics, f"matching.{direction}.{p}.{g}") for p in POPULATIONS)
        ]
        # population -> per group, one estimate per kind
        values = {
            p: [[at(metrics, f"matching{k.suffix}", f"{direction}.{p}.{g}") for k in used] for g in present]
            for p in POPULATIONS
        }
        labels = [GROUPS[g].capitalize() for g in present]
        charts = [(p, _group_chart(f"{name}, {p} people", used, labels, values[p])) for p in POPULATIONS]
        rows = [
            (label, list(itertools.chain(*cells)))
            for label, *cells in zip(labels, *values.values(), strict=True)
        ]
        if present:
            found.append({"name": name, "charts": [(p, chart) for p, chart in charts if chart], "rows": rows})
    return {"kinds": used, "directions": found} if found else None


def _group_chart(title: str, used: tuple[Kind, ...], labels: list[str], values: list[list[Any]]) -> str:
    marks = [kind.mark for kind in used]
    rows = [
        dots.Row(label, tuple(zip(marks, cells, strict=True)))
        for label, cells in zip(labels, values, strict=True)
    ]
    described = f"{title}: accuracy by impostor group, with 95 % intervals"
    return dots.accuracy_chart(rows, described, names=chart_names(used))


def one_of_many(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """1:N curves and their figures: one panel per direction, impostor group and population."""
    used, panels = kinds(metrics), []
    for direction, group, population in itertools.product(DIRECTIONS, GROUPS, POPULATIONS):
        path = f"{direction}.{population}.{group}"
        trees = [cell(metrics, f"forced_choice{kind.suffix}.{path}") or {} for kind in used]
        series = [curve(tree, kind.mark, kind.name) for kind, tree in zip(used, trees, strict=True) if tree]
        if any(s.x for s in series):
            title = f"{DIRECTIONS[direction]}, {population}, {GROUPS[group]}"
            rows = [_many_row(trees, n) for n in CANDIDATES if any(f"of_{n}" in tree for tree in trees)]
            first = next(filter(None, trees))
            counts = {key: first.get(key) for key in ("lists", "identities")}
            panels.append(
                {
                    "direction": direction,
                    "title": title,
                    "chart": many_chart(series, title),
                    "rows": rows,
                    **counts,
                }
            )
    return {"kinds": used, "panels": panels} if panels else None


def curve(tree: dict[str, Any] | None, kind: str, name: str) -> curves.Series:
    """The accuracies `of_<N>` of one block as a curve; empty if it has none."""
    return curves.Series.of(kind, name, [(n, estimate((tree or {}).get(f"of_{n}"))) for n in CANDIDATES])


def many_chart(series: list[curves.Series], title: str) -> str:
    chance = curves.Series("chance", "chance", list(CANDIDATES), [1 / n for n in CANDIDATES])
    described = f"{title}: accuracy by number of candidates, with 95 % intervals"
    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    return curves.line_chart(
        series, described, x_form="1:{:g}", x_ticks=(2, 4, 6, 8, 10), y_ticks=ticks, references=[chance]
    )


def _many_row(trees: list[dict[str, Any]], n: int) -> dict[str, Any]:
    found = [tree.get(f"of_{n}") or {} for tree in trees]
    chance = next((block["chance"] for block in found if "chance" in block), 1 / n)
    return {"candidates": n, "cells": [estimate(block) for block in found], "chance": chance}


def judges(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """The same trials by every judge, and how often the two independent judges choose alike."""
    others = [name for name in (metrics.get("judges") or {}) if name != "agreement"]
    if not others:
        return None
    first, used = str(metrics.get("judge")), judged(metrics)
    prefixes = {name: "" if name == first else f"judges.{name}." for name in (first, *others)}
    rows = []
    for name, prefix in prefixes.items():
        judge = JUDGES.get(name, name)
        # The gender's mean face by each judge: some weight gender more than others.
        for key, label, style in (
            ("", judge, "own" if name == first else ""),
            ("baselines.gender_face.", f"Gender\u2019s mean face by {judge}", ""),
        ):
            for kind in used:
                cells = estimates(metrics, f"{prefix}{key}matching{kind.suffix}")
                if any(cells):
                    rows.append({"label": f"{label}, {kind.short}", "cells": cells, "kind": style})
    agreement = []
    for kind in used:
        shares = [cell(metrics, f"judges.agreement.matching{kind.suffix}.{path}") for path in HEADLINE_PATHS]
        if any(shares):
            agreement.append({"label": kind.name, "cells": shares})
    back = [
        (JUDGES.get(name, name), found)
        for name, prefix in prefixes.items()
        if any(
            found := [
                at(metrics, f"{prefix}matching{kind.suffix}", "face_to_voice.unseen.ungrouped")
                for kind in used
            ]
        )
    ]
    more = {"agreement": agreement, "self_judged": "self" in others, "back": back}
    return {"rows": rows, "kinds": used, **more}
