"""Trial lists that others published: what became of their lines, and what the system scored on the rest."""

from __future__ import annotations

from typing import Any

from deepfacegen.report.values import DIRECTIONS, GROUPS, Estimate, Kind, estimate, kinds, words

POPULATIONS = ("unseen", "seen", "mixed")
RATES = {"verification": (("auc", "AUC"), ("eer", "EER")), "matching": (("accuracy", "accuracy"),)}


def view(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """One table per list: a row for each of its parts and populations that has trials, a cell for each rate
    and way to compare.

    A list of two voices has one way only: the voice encoder's.
    """
    tables = []
    for name in sorted(
        {name for kind in kinds(metrics) for name in metrics.get(f"lists{kind.suffix}") or {}}
    ):
        scored = [
            (kind, tree)
            for kind in kinds(metrics)
            if (tree := (metrics.get(f"lists{kind.suffix}") or {}).get(name))
        ]
        first = scored[0][1]
        rates = RATES[first.get("kind", "matching")]
        columns = [
            short if len(scored) == 1 else f"{short}, {kind.name.lower()}"
            for _, short in rates
            for kind, _ in scored
        ]
        lost = [(words(reason), count) for reason, count in (first.get("lost") or {}).items()]
        tables.append(
            {
                "name": name,
                "lines": first.get("lines"),
                "scored": first.get("scored"),
                "lost": lost,
                "rates": columns,
                "rows": _rows(scored, rates),
            }
        )
    return tables


def _rows(
    scored: list[tuple[Kind, dict[str, Any]]], rates: tuple[tuple[str, str], ...]
) -> list[dict[str, Any]]:
    cells: dict[tuple[str, ...], dict[str, Any]] = {}
    for kind, tree in scored:
        for path, leaf in _leaves(tree, ()):
            cells.setdefault(path, {})[kind.suffix] = leaf
    rows = []
    for path, by_kind in cells.items():
        first = next(iter(by_kind.values()))
        found: list[Estimate | None] = [
            estimate(by_kind.get(kind.suffix), rate) for rate, _ in rates for kind, _ in scored
        ]
        label = ", ".join(_word(part) for part in path).capitalize()
        rows.append(
            {
                "label": label,
                "cells": found,
                "trials": first.get("pairs", first.get("trials")),
                "identities": first.get("identities"),
            }
        )
    return rows


def _leaves(tree: dict[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """(part and population, its cells) of a list, whose parts may be nested."""
    found = [((*path, population), tree[population]) for population in POPULATIONS if population in tree]
    for name, part in tree.items():
        if isinstance(part, dict) and name not in (*POPULATIONS, "lost"):
            found += _leaves(part, path if name == "parts" else (*path, name))
    return found


def _word(part: str) -> str:
    return DIRECTIONS.get(part, GROUPS.get(part, words(part))).lower()
