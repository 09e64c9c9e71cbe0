"""Progress: rate and time left of what this run did, and plain lines where there is no terminal."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from deepfacegen import progress
from deepfacegen.progress import Progress, track


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which tests change."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_what_an_earlier_run_did_does_not_count_for_the_rate(clock: list[float]) -> None:
    with Progress("faces", 1000) as shown:
        shown.advance(500, now=False)
        clock[0] += 10.0
        assert shown.state() == "no rate yet"
        shown.advance(100)
        assert shown.state() == "10.0/s, 0:40 left"


def test_lines_come_every_15_seconds_where_there_is_no_terminal(
    clock: list[float], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "deepfacegen"), Progress("train", 10_000) as shown:
        for _ in range(100):
            clock[0] += 0.5
            shown.advance()
            shown.show("loss 0.3" if shown.done == 40 else None)
    assert caplog.messages == [
        "train: 31 of 10000, 2.0/s, 1:23:04 left",
        "train: 62 of 10000, 2.0/s, 1:22:49 left, loss 0.3",
        "train: 93 of 10000, 2.0/s, 1:22:34 left, loss 0.3",
    ]
    assert capsys.readouterr().err == ""


def test_a_command_takes_the_lines_and_learns_the_total_on_the_way(clock: list[float]) -> None:
    lines: list[str] = []
    with Progress("recordings", None, write=lines.append) as shown:
        clock[0] += 20.0
        shown.show()
        clock[0] += 20.0
        shown.show_done(40, 100)
        shown.show_done(41, 100)
    assert lines == ["recordings: 0, no rate yet", "recordings: 40 of 100, 1.0/s, 1:00 left"]


def test_quiet_shows_nothing(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "deepfacegen"), Progress("train", 10, quiet=True) as shown:
        clock[0] += 20.0
        shown.advance()
        shown.show()
    assert not caplog.messages


def test_a_bar_on_a_terminal_has_rate_time_left_and_note(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(
        progress,
        "Console",
        lambda stderr: Console(file=terminal, force_terminal=True, force_interactive=True, width=200),
    )
    with caplog.at_level(logging.INFO, "deepfacegen"), Progress("faces", 4) as shown:
        clock[0] += 30.0
        shown.advance(3)
        shown.show("longest running: shard 7 (from [/b] on) 0:30")  # a name that rich would take for markup
    assert "3/4" in terminal.getvalue()
    assert "0.1/s, 0:10 left, longest running: shard 7 (from [/b] on) 0:30" in terminal.getvalue()
    assert not caplog.messages


def test_tracked_items_are_the_same_items(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    found = []
    with caplog.at_level(logging.INFO, "deepfacegen"):
        for item in track("abc", "letters", 3):
            clock[0] += 8.0
            found.append(item)
    assert found == ["a", "b", "c"]
    assert caplog.messages == ["letters: 2 of 3, 0.1/s, 0:08 left"]
