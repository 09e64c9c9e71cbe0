"""Published trial lists: how many of their lines are scored, and the accuracy on those."""

from __future__ import annotations

from typing import Any

from deepfacegen.report.values import DIRECTIONS, GROUPS, Kind, estimate, kinds, words

POPULATIONS = ("unseen", "seen", "mixed")
RATES = {"verification": (("auc", "AUC"), ("eer", "EER")), "matching": (("accuracy", "accuracy"),)}


def view(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """One table per list: a row for each of its parts and populations that has trials, a cell for each rate
    and way to compare.

    A list of two voices has one way only: the voice encoder's.
    """
    lists = [(kind, metrics.get(f"lists{kind.suffix}") or {}) for kind in kinds(metrics)]
    tables = []
    for name in sorted({name for _, trees in lists for name in trees}):
        scored = [(kind, tree) for kind, trees in lists if (tree := trees.get(name))]
        first = scored[0][1]
        rates = RATES[first.get("kind", "matching")]
        one = len(scored) == 1
        columns = [short if one else f"{short}, {k.name.lower()}" for _, short in rates for k, _ in scored]
        lost = [(words(reason), count) for reason, count in (first.get("lost") or {}).items()]
        counts = {key: first.get(key) for key in ("lines", "scored")}
        tables.append({"name": name, **counts, "lost": lost, "rates": columns, "rows": _rows(scored, rates)})
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
        rows.append(
            {
                "label": ", ".join(_word(part) for part in path).capitalize(),
                "cells": [
                    estimate(by_kind.get(kind.suffix), rate) for rate, _ in rates for kind, _ in scored
                ],
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
