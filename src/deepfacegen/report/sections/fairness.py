"""Whether it works alike for everybody: accuracy group by group, and whether the gap is more than chance
makes."""

from __future__ import annotations

import re
from typing import Any

from deepfacegen.report import figures
from deepfacegen.report.values import GROUPS, Kind, cell, estimate, kinds, spoken, words

ATTRIBUTES = {"gender": "By gender", "age": "By age", "nationality": "By nationality"}


def view(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """One panel per attribute and kind of impostor: a chart, its figures, and the gap of each cosine."""
    used, panels = kinds(metrics), []
    for attribute in dict.fromkeys([*ATTRIBUTES, *(metrics.get("fairness") or {})]):
        for group in GROUPS:
            trees = [
                (kind, cell(metrics, f"fairness{kind.suffix}.{attribute}.{group}") or {}) for kind in used
            ]
            names = sorted(
                dict.fromkeys(name for _, tree in trees for name in tree.get("groups", {})), key=_order
            )
            if names:
                panels.append(_panel(attribute, group, trees, names))
    return {"panels": panels, "kinds": used} if panels else None


def _panel(
    attribute: str, group: str, trees: list[tuple[Kind, dict[str, Any]]], names: list[str]
) -> dict[str, Any]:
    title = f"{ATTRIBUTES.get(attribute, f'By {words(attribute)}')}, {GROUPS[group]}"
    cells = {
        name: [(kind, estimate(cell(tree.get("groups", {}), name))) for kind, tree in trees] for name in names
    }
    rows = [
        figures.Row(_name(name).capitalize(), tuple((kind.mark, found) for kind, found in cells[name]))
        for name in names
    ]
    scale = figures.accuracy_scale([found for row in rows for _, found in row.dots])
    gaps = []
    for kind, tree in trees:
        if tree.get("gap") is not None:
            known = {end: _name(tree[end]) if tree.get(end) else None for end in ("lowest", "highest")}
            gaps.append(
                {
                    "kind": kind,
                    "gap": estimate(tree, "gap"),
                    "shuffled": tree.get("gap_shuffled"),
                    "p": tree.get("gap_p"),
                    **known,
                }
            )
    return {
        "title": title,
        "chart": figures.dot_chart(
            rows,
            scale,
            f"{title}: accuracy, unseen people, with 95 % intervals",
            names=spoken(tuple(kind for kind, _ in trees)),
        ),
        "rows": [(_name(name).capitalize(), [found for _, found in cells[name]]) for name in names],
        "gaps": gaps,
        "left_out": max(tree.get("left_out_identities", 0) for _, tree in trees),
    }


def _order(group: str) -> tuple[int, str]:
    """Bands of age by age, which their names alone do not give; others by name."""
    number = re.search(r"\d+", group)
    return (int(number[0]) - group.startswith("under") if number else -1, group)


def _name(group: str) -> str:
    return re.sub(r"^from (\d+)$", r"\1 and over", words(group))
