"""Metrics as nested dictionaries, by path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Tree = dict[str, Any]
Path = tuple[str, ...]


def nested(cells: Iterable[tuple[Path, Any]]) -> Tree:
    """(("a", "b"), 1), ... -> {"a": {"b": 1}, ...}."""
    tree: Tree = {}
    for path, value in cells:
        inner = tree
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return tree


def get(tree: Tree, path: Path) -> Any:
    """What stands at a path. Raises KeyError where nothing does."""
    for name in path:
        tree = tree[name]
    return tree
