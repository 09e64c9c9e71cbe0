"""The graph in docs/architecture.md: what a made-up pipeline gives, and that the page has DVC's own graph."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GRAPH = runpy.run_path(str(ROOT / "tools/graph.py"))
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def pipeline() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def edges(text: str) -> set[tuple[str, str]]:
    """(needed, stage) of every arrow, by the names that a reader sees."""
    found = re.findall(r"^    (\S+) -\.?->? (\S+)$", text, re.MULTILINE)
    return {(re.sub(r'.*\["|"\]', "", a), re.sub(r'.*\["|"\]', "", b)) for a, b in found}


def closure(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    while more := {(a, d) for a, b in arrows for c, d in arrows if b == c} - arrows:
        arrows = arrows | more
    return arrows


def test_an_arrow_for_each_stage_that_is_needed_directly() -> None:
    made = {
        "first": {"outs": [{"data/a": {"push": False}}], "metrics": [{"metrics/first.json": {}}]},
        "second": {"deps": ["data/a/file.csv"], "outs": ["data/b"]},
        "fit": {
            "matrix": {"system": ["x", "y"]},
            "deps": ["data/a", "data/b"],
            "outs": ["models/${item.system}"],
        },
        "test": {
            "foreach": {"x": "data/a", "y": "data/b"},
            "do": {"deps": ["${item}", "models/${key}"], "outs": ["data/test/${key}"]},
        },
        "page": {"deps": ["data/test", "metrics/first.json"]},
        "apart": {"deps": ["data/ab"]},
    }
    assert edges(GRAPH["mermaid"](made)) == {
        ("first", "second"),
        ("second", "fit@x"),
        ("second", "fit@y"),
        ("fit@x", "test@x"),
        ("fit@y", "test@y"),
        ("test@x", "page"),
        ("test@y", "page"),
    }


def test_the_page_has_the_graph_of_dvc_yaml() -> None:
    """`python tools/graph.py` keeps it so."""
    assert GRAPH["with_graph"](PAGE, pipeline()) == PAGE


@pytest.mark.dvc
def test_the_graph_is_that_of_dvc() -> None:
    """Whatever needs whatever, directly or not; with the sample people there is no folder to watch."""
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        theirs = {(needed.addressing, stage.addressing) for stage, needed in repo.index.graph.edges}
    ours = {(a, b) for a, b in edges(PAGE) if not a.startswith("watch")}
    assert closure(ours) == closure(theirs)
