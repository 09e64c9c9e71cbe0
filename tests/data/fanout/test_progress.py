"""What is told about the work: only what this run did counts for the rate; the oldest units are named."""

from __future__ import annotations

import logging
import re

import pytest

from deepfacegen.data.fanout import progress


def test_what_was_done_before_does_not_make_the_rate() -> None:
    with progress.display("test", 1000) as show:
        show.advance(500, fresh=False)
        assert show.state([], 10.0) == "no rate yet"
        show.advance(100)
        assert show.state([], 10.0) == "10.0/s, 0:40 left"


def test_the_oldest_units_are_named_with_their_age() -> None:
    with progress.display("test", 10) as show:
        show.advance(1)
        told = show.state([("shard 1", 5.0), ("shard 2", 3700.0), ("shard 3", 61.4), ("shard 4", 7.0)], 1.0)
    assert told.endswith("longest in work: shard 2 1:01:40, shard 3 1:01, shard 4 0:07")


def test_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO, "deepfacegen"), progress.display("faces", 4) as show:
        show.advance(3)
        show.tell([("shard 7", 65.0)])
    assert re.fullmatch(
        r"faces: 3 of 4, [\d.]+/s, 0:00 left, longest in work: shard 7 1:05", caplog.messages[0]
    )
