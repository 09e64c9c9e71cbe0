"""Damaged files through the stages' own code: every one is kept or rejected, every table read or refused by
one line."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

FUZZ = runpy.run_path(str(Path(__file__).parents[2] / "tools/fuzz.py"))


def test_damaged_files_are_all_accounted_for(tmp_path: Path) -> None:
    told = FUZZ["run"](48, 7, tmp_path)
    assert sum(told["planted"].values()) + sum(told["tables"].values()) == 48
    assert set(told["planted"]) == {".jpg", ".m4a", ".mp4"}
    for stage in ("audio", "faces"):
        assert told[stage]["kept"] + told[stage]["rejected"]["all"] == told[stage]["seen"]
        assert told[stage]["rejected"]["corrupt"] > 8  # beside the few that sample people bring


@given(st.binary(max_size=300), st.integers(0, 2**32))
def test_damage_is_the_same_for_the_same_seed(data: bytes, seed: int) -> None:
    damaged = FUZZ["damaged"]
    assert damaged(data, np.random.default_rng(seed)) == damaged(data, np.random.default_rng(seed))
