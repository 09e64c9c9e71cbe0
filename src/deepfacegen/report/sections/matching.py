"""Forced choice beyond the headline: all kinds of impostors, both directions, more candidates, other judges,
published lists."""

from __future__ import annotations

from typing import Any

from deepfacegen.report import figures
from deepfacegen.report.values import (
    DIRECTIONS,
    GROUPS,
    HEADLINE,
    JUDGES,
    POPULATIONS,
    Kind,
    at,
    cell,
    estimate,
    judged,
    kinds,
    spoken,
)

MOST_CANDIDATES = 10
CHANCE_CURVE = tuple(1 / n for n in range(2, MOST_CANDIDATES + 1))


def groups(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """A chart per direction and population and a table per direction: rows are impostor groups, cells
    (population, kind)."""
    used, found = kinds(metrics), []
    for direction, name in DIRECTIONS.items():
        present = [
            g for g in GROUPS if any(cell(metrics, f"matching.{direction}.{p}.{g}") for p in POPULATIONS)
        ]
        if not present:
            continue
        charts = [
            (population, _group_chart(metrics, used, direction, population, present))
            for population in POPULATIONS
        ]
        rows = [
            (
                GROUPS[g],
                [
                    at(metrics, f"matching{kind.suffix}", f"{direction}.{p}.{g}")
                    for p in POPULATIONS
                    for kind in used
                ],
            )
            for g in present
        ]
        found.append({"name": name, "charts": [(p, drawn) for p, drawn in charts if drawn], "rows": rows})
    return {"kinds": used, "directions": found} if found else None


def _group_chart(
    metrics: dict[str, Any], used: tuple[Kind, ...], direction: str, population: str, present: list[str]
) -> str:
    rows = [
        figures.Row(
            GROUPS[g].capitalize(),
            tuple(
                (k.mark, at(metrics, f"matching{k.suffix}", f"{direction}.{population}.{g}")) for k in used
            ),
        )
        for g in present
    ]
    scale = figures.accuracy_scale([found for row in rows for _, found in row.dots])
    described = (
        f"{DIRECTIONS[direction]}, {population} people: accuracy by kind of impostor, with 95 % intervals"
    )
    return figures.dot_chart(rows, scale, described, names=spoken(used))


def one_of_many(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """1:N curves and their figures: one panel per direction, group of impostors and population."""
    used, panels = kinds(metrics), []
    for direction, name in DIRECTIONS.items():
        for group in GROUPS:
            for population in POPULATIONS:
                trees = [
                    (kind, cell(metrics, f"forced_choice{kind.suffix}.{direction}.{population}.{group}"))
                    for kind in used
                ]
                series = [(kind, curve(tree, kind.mark, kind.name)) for kind, tree in trees if tree]
                if not any(s.x for _, s in series):
                    continue
                title = f"{name}, {population}, {GROUPS[group]}"
                tree = next(tree for _, tree in trees if tree)
                panels.append(
                    {
                        "title": title,
                        "chart": many_chart([s for _, s in series], title),
                        "rows": [
                            _many_row(trees, n)
                            for n in range(2, MOST_CANDIDATES + 1)
                            if any(t and f"of_{n}" in t for _, t in trees)
                        ],
                        "lists": tree.get("lists"),
                        "identities": tree.get("identities"),
                    }
                )
    return {"kinds": used, "panels": panels} if panels else None


def curve(tree: dict[str, Any] | None, kind: str, name: str) -> figures.Series:
    """The accuracies `of_<N>` of one block as a curve; empty if it has none."""
    found = [(n, e) for n in range(2, MOST_CANDIDATES + 1) if (e := estimate((tree or {}).get(f"of_{n}")))]
    low, high = (
        [e.value if (bound := getattr(e, end)) is None else bound for _, e in found]
        for end in ("low", "high")
    )
    return figures.Series(kind, name, [n for n, _ in found], [e.value for _, e in found], low, high)


def many_chart(series: list[figures.Series], title: str) -> str:
    chance = figures.Series("chance", "chance", list(range(2, MOST_CANDIDATES + 1)), list(CHANCE_CURVE))
    described = f"{title}: accuracy by number of candidates, with 95 % intervals"
    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    return figures.line_chart(
        series, described, x_form="1:{:g}", x_ticks=(2, 4, 6, 8, 10), y_ticks=ticks, references=[chance]
    )


def _many_row(trees: list[tuple[Kind, Any]], n: int) -> dict[str, Any]:
    chance = next(
        (tree[f"of_{n}"]["chance"] for _, tree in trees if tree and "chance" in tree.get(f"of_{n}", {})),
        1 / n,
    )
    return {
        "candidates": n,
        "cells": [estimate((tree or {}).get(f"of_{n}")) for _, tree in trees],
        "chance": chance,
    }


def judges(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """The same trials before every judge, and how often the two independent ones choose alike."""
    others = {name: tree for name, tree in (metrics.get("judges") or {}).items() if name != "agreement"}
    if not others:
        return None
    first, used = str(metrics.get("judge")), judged(metrics)
    rows = []
    for name, prefix in ((first, ""), *((name, f"judges.{name}.") for name in others)):
        for kind in used:
            cells = [
                at(metrics, f"{prefix}matching{kind.suffix}", f"voice_to_face.{p}.{g}") for p, g in HEADLINE
            ]
            if any(cells):
                rows.append(
                    {
                        "label": f"{JUDGES.get(name, name)}, {kind.name.split()[0].lower()}",
                        "cells": cells,
                        "kind": "own" if name == first else "",
                    }
                )
        # What each judge makes of a drawing that shows the gender and nothing else: some hold more with
        # gender than others.
        for kind in used:
            cells = [
                at(metrics, f"{prefix}baselines.gender_face.matching{kind.suffix}", f"voice_to_face.{p}.{g}")
                for p, g in HEADLINE
            ]
            if any(cells):
                label = (
                    f"Gender\u2019s mean face before {JUDGES.get(name, name)}, {kind.name.split()[0].lower()}"
                )
                rows.append({"label": label, "cells": cells, "kind": ""})
    agreement = []
    for kind in used:
        cells = [
            cell(metrics, f"judges.agreement.matching{kind.suffix}.voice_to_face.{p}.{g}")
            for p, g in HEADLINE
        ]
        if any(cells):
            agreement.append({"label": kind.name, "cells": cells})
    back = {
        name: [
            at(metrics, f"{prefix}matching{kind.suffix}", "face_to_voice.unseen.ungrouped") for kind in used
        ]
        for name, prefix in ((first, ""), *((name, f"judges.{name}.") for name in others))
    }
    return {
        "rows": rows,
        "agreement": agreement,
        "self_judged": "self" in others,
        "back": [(JUDGES.get(name, name), found) for name, found in back.items() if any(found)],
        "kinds": used,
    }
