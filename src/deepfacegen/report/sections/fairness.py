"""Accuracy by gender, age and nationality, and the gap between groups beside that of shuffled groups."""

from __future__ import annotations

import re
from typing import Any

from deepfacegen.report import dots
from deepfacegen.report.values import GROUPS, Kind, cell, chart_names, estimate, kinds, words

ATTRIBUTES = {"gender": "By gender", "age": "By age", "nationality": "By nationality"}


def view(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """One panel per attribute and impostor group: a chart, its figures, and the gap of each cosine."""
    used, panels = kinds(metrics), []
    for attribute in dict.fromkeys([*ATTRIBUTES, *(metrics.get("fairness") or {})]):
        for group in GROUPS:
            trees = [(k, cell(metrics, f"fairness{k.suffix}.{attribute}.{group}") or {}) for k in used]
            names = sorted({name for _, tree in trees for name in tree.get("groups", {})}, key=_order)
            if names:
                title = f"{ATTRIBUTES.get(attribute, f'By {words(attribute)}')}, {GROUPS[group]}"
                panels.append(_panel(title, trees, names))
    return {"panels": panels, "kinds": used} if panels else None


def _panel(title: str, trees: list[tuple[Kind, dict[str, Any]]], names: list[str]) -> dict[str, Any]:
    rows = [
        (_name(name).capitalize(), [estimate(cell(tree.get("groups", {}), name)) for _, tree in trees])
        for name in names
    ]
    marks = [kind.mark for kind, _ in trees]
    chart = dots.accuracy_chart(
        [dots.Row(label, tuple(zip(marks, cells, strict=True))) for label, cells in rows],
        f"{title}: accuracy, unseen people, with 95 % intervals",
        names=chart_names(kind for kind, _ in trees),
    )
    gaps = [
        {
            "kind": kind,
            "gap": estimate(tree, "gap"),
            "shuffled": tree.get("gap_shuffled"),
            "p": tree.get("gap_p"),
            **{end: _name(tree[end]) if tree.get(end) else None for end in ("lowest", "highest")},
        }
        for kind, tree in trees
        if tree.get("gap") is not None
    ]
    left_out = max(tree.get("left_out_identities", 0) for _, tree in trees)
    return {"title": title, "chart": chart, "rows": rows, "gaps": gaps, "left_out": left_out}


def _order(group: str) -> tuple[int, str]:
    """Bands of age by age, which their names alone do not give; others by name."""
    number = re.search(r"\d+", group)
    return (int(number[0]) - group.startswith("under") if number else -1, group)


def _name(group: str) -> str:
    return re.sub(r"^from (\d+)$", r"\1 and over", words(group))
