"""docs/scale.md says what the benchmarks measured, and its computed figures follow from them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
scale = __import__("scale")


def test_the_page_has_the_tables_of_the_last_results() -> None:
    page = scale.PAGE.read_text(encoding="utf-8")
    assert scale.rewritten(page) == page, "run python tools/scale.py"


def test_hours_follow_from_the_rates() -> None:
    """Independently: core hours x cores, for the case without rounds of shards."""
    results = json.loads((ROOT / "benchmarks/results/audio.json").read_text())["results"]
    told = re.search(
        r"`audio`: 1,092,009 clips, 2,360 h: ([\d.]+) core hours \| ([\d.]+) (h|min) \|", scale.tables()
    )
    assert told is not None
    seconds_of_a_core_each = (
        results["rates"]["decode_and_speech"]["core_ms_each"] / 1000 / results["seconds_per_clip"]
    )
    core_hours = 2360 * seconds_of_a_core_each
    assert float(told[1]) == pytest.approx(core_hours, rel=0.02)
    assert float(told[2]) * (1 if told[3] == "h" else 1 / 60) == pytest.approx(core_hours / 2, rel=0.02)


def test_more_cores_than_shards_do_not_help() -> None:
    row = scale._row("x", 100.0, 1000, 100)  # ten shards of ten hours
    assert row == "| x: 100.0 core hours | 50.0 h | 10.0 h | 10.0 h |"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="not found"):
        scale.rewritten("# At full scale\n")
