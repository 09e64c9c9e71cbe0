"""Progress where there is no terminal: few, plain lines."""

from __future__ import annotations

import pytest

from deepfacegen.cli.progress import Progress


def test_plain_line_at_the_end_and_none_before_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("recordings") as progress:
        for done in range(1, 101):
            progress.advance(done, 100)
    told = capsys.readouterr().err
    assert told.startswith("100 of 100 recordings, ")
    assert told.endswith(" 0 s left\n")
    assert told.count("\n") == 1


def test_line_every_ten_seconds_tells_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("recordings") as progress:
        progress.started -= 20.0  # as if it had run for 20 seconds
        progress.last_line -= 20.0
        progress.advance(40, 100)
        progress.advance(41, 100)
    assert capsys.readouterr().err == "40 of 100 recordings, 2.0/s, 30 s left\n"
