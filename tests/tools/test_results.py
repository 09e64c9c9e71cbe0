"""README's picture and its block of figures: who is in the picture, and what is said of the baseline."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

TOOLS = Path(__file__).parents[2] / "tools"
GROUPS = ("ungrouped", "gender")


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "path", [str(TOOLS), *sys.path])
    return runpy.run_path(str(TOOLS / "results.py"))


def test_the_first_three_of_each_gender_are_shown_in_turn(results: dict[str, Any]) -> None:
    genders = pd.Series(["f", "f", None, "m", "f", "f", "m", "m", "m"])
    assert results["shown"](genders) == [0, 3, 1, 6, 4, 7]


def test_generated_faces_stand_beside_the_photo_of_their_person(results: dict[str, Any]) -> None:
    grey = np.array([10, 20, 30, 40], dtype=np.uint8)
    real = np.broadcast_to(grey[:, None, None, None], (4, 16, 16, 3))
    generated = np.broadcast_to((grey + 100)[:, None, None, None, None], (4, 2, 8, 8, 3))
    sheet = np.asarray(results["picture"](np.array(real), np.array(generated)))
    rows = [sheet[-1 - 8 - 20 * back] for back in (1, 0)]  # a face has 16 px, a gap 4
    for row, (left, right) in zip(rows, ((10, 20), (30, 40)), strict=True):
        seen = [value for value in row[:, 0].tolist() if value != 255]
        expected = [left] * 16 + [left + 100] * 32 + [right] * 16 + [right + 100] * 32
        assert seen == expected


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.5, 0.6, "worse than the generated faces"),
        (0.7, 0.85, "as good as the generated faces within the intervals"),
        (0.95, 0.99, "better than the generated faces"),
    ],
)
def test_the_baseline_is_compared_by_its_intervals(
    results: dict[str, Any], low: float, high: float, verdict: str
) -> None:
    def matching(low: float, high: float) -> dict[str, Any]:
        cell = {"accuracy": (low + high) / 2, "ci95_low": low, "ci95_high": high}
        return {"matching": {"voice_to_face": {"unseen": dict.fromkeys(GROUPS, cell)}}}

    metrics = {**matching(0.8, 0.9), "baselines": {"nearest_voice": matching(low, high)}}
    line = results["leaderboard"]._nearest_voice(metrics)
    assert line.endswith(f"on unseen people: {verdict}.")
    assert f"scores {50 * (low + high):.1f} [{100 * low:.1f}, {100 * high:.1f}]" in line
