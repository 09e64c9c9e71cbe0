"""What the page says when parts of the metrics are missing, and what it says that intervals settle."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.config.schema import from_dict
from deepfacegen.report import page
from deepfacegen.report.collect import collect
from deepfacegen.report.sections import result
from deepfacegen.report.values import Estimate
from tests.report import made
from tests.report.reading import whole

CONFIG = from_dict({"report": {"people": 3, "draws": 2}})
GENERATOR = made.evaluated()
CORE = ("judge", "data", "matching")


def paths(tree: dict[str, Any], depth: int, start: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Of all blocks, down to a depth."""
    below = [(key, value) for key, value in tree.items() if isinstance(value, dict)]
    return [
        p
        for key, value in below
        for p in ([(*start, key)] + (paths(value, depth - 1, (*start, key)) if depth > 1 else []))
    ]


@pytest.mark.parametrize("block", [key for key in GENERATOR if key not in CORE])
def test_page_stands_with_any_one_block(block: str, tmp_path: Path) -> None:
    metrics = {key: GENERATOR[key] for key in (*CORE, block)}
    reader = whole(page.render(collect(made.write(tmp_path, {"cgan": metrics})), CONFIG))
    assert not reader.open
    assert reader.table("^This run: accuracy")


@pytest.mark.parametrize("seed", range(8))
def test_page_stands_with_many_blocks_missing(seed: int, tmp_path: Path) -> None:
    """Labels that nobody listed, a missing judge, an evaluation of an older version: any blocks
    may be missing."""
    metrics, rng = copy.deepcopy(GENERATOR), np.random.default_rng(seed)
    for *above, last in paths(metrics, 4):
        if rng.random() < 0.15 and (above or last not in CORE):
            functools.reduce(lambda tree, name: tree.get(name, {}), above, metrics).pop(last, None)
    reader = whole(page.render(collect(made.write(tmp_path, {"cgan": metrics})), CONFIG))
    assert not reader.open
    assert reader.table("^This run: accuracy")


@pytest.mark.parametrize(
    ("own", "other", "same", "verdict"),
    [
        ((0.6, 0.55, 0.65), (0.5, None, None), False, "yes"),
        ((0.6, 0.5, 0.65), (0.5, None, None), False, "undecided"),
        ((0.4, 0.3, 0.45), (0.5, None, None), False, "no"),
        ((0.6, 0.55, 0.65), (0.5, 0.45, 0.56), False, "undecided"),
        ((0.6, 0.57, 0.65), (0.5, 0.45, 0.56), False, "yes"),
        ((0.6, 0.55, 0.65), (0.9, 0.8, 0.95), True, "no"),
        ((0.9, 0.8, 0.95), (0.6, 0.55, 0.65), True, "yes"),
        ((0.9, 0.8, 0.95), (0.85, 0.75, 0.9), True, "no difference seen"),
    ],
)
def test_verdicts_follow_one_rule(
    own: tuple[float, ...], other: tuple[float, ...], same: bool, verdict: str
) -> None:
    assert result.verdict(Estimate(*own), Estimate(*other), same=same) == verdict


ENDS = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)).map(sorted)


@given(ENDS, ENDS)
def test_verdicts_never_favour_either_side(a: list[float], b: list[float]) -> None:
    """What is better than another cannot be that the other is better, too; intervals that share a value
    decide nothing."""
    one, other = (Estimate(v[1], v[0], v[2]) for v in (a, b))
    there, back = result.verdict(one, other), result.verdict(other, one)
    assert {there, back} in ({"yes", "no"}, {"undecided"})
    assert (there == "undecided") == (max(a[0], b[0]) <= min(a[2], b[2]))
