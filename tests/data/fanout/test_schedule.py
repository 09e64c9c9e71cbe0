"""The scheduler: results of every unit, whatever the engine; what fails is tried again, but not for ever."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deepfacegen.data.fanout.schedule import MOST_ATTEMPTS, MOST_FAILED, map_shards
from deepfacegen.errors import UserError


def work(factor: int, unit: int) -> tuple[int, int]:
    return unit * factor, os.getpid()


@pytest.mark.parametrize(("engine", "workers"), [("loky", "1"), ("loky", "2"), ("threading", "3")])
def test_results_come_in_order(monkeypatch: pytest.MonkeyPatch, engine: str, workers: str) -> None:
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", engine)
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", workers)
    units = list(range(20))
    results = map_shards(functools.partial(work, 3), units, [1] * 20, "test")
    assert [value for value, _ in results] == [3 * unit for unit in units]
    other = {pid for _, pid in results} - {os.getpid()}
    assert bool(other) == (engine == "loky" and workers == "2")


def test_nothing_to_do_is_fine() -> None:
    assert map_shards(functools.partial(work, 3), [], [], "test") == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("DEEPFACEGEN_ENGINE", "abacus"), ("DEEPFACEGEN_WORKERS", "0"), ("DEEPFACEGEN_WORKERS", "many")],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, key: str, value: str) -> None:
    monkeypatch.setenv(key, value)
    with pytest.raises(UserError, match=f"{key}.*{value}"):
        map_shards(functools.partial(work, 3), [1], [1], "test")


def test_an_engine_that_is_none_gets_a_line_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "dask")
    with pytest.raises(
        UserError, match=r"^DEEPFACEGEN_ENGINE must be one of loky, threading, ray, not 'dask'$"
    ):
        map_shards(functools.partial(work, 3), [1], [1], "test")


def test_an_engine_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "ray")
    with pytest.raises(UserError, match="ray is not installed"):
        map_shards(functools.partial(work, 3), [1], [1], "test")


def logged(log: Path, failing: set[int], how: str) -> Callable[[int], int]:
    """Work that notes every attempt in `log`, and fails for some units.

    It is nested, so that it travels by value to workers that cannot import this file.
    """

    def attempt(unit: int) -> int:
        with log.open("a") as handle:
            handle.write(f"{unit}\n")
        if unit in failing and how == "raise":
            raise ValueError("broken")
        if unit in failing and (how == "die" or log.read_text().split().count(str(unit)) == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        return unit * unit

    return attempt


def test_a_killed_worker_costs_its_own_unit_one_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "2")
    log = tmp_path / "log"
    assert map_shards(logged(log, {2, 5}, "die once"), range(8), [1] * 8, "test") == [
        unit * unit for unit in range(8)
    ]
    assert sorted(log.read_text().split()) == sorted(["0", "1", "2", "2", "3", "4", "5", "5", "6", "7"])


@pytest.mark.parametrize(("how", "why"), [("raise", "ValueError: broken"), ("die", "its worker was killed")])
def test_a_unit_that_always_fails_is_told_in_one_line_after_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, why: str
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "2")
    log = tmp_path / "log"
    with pytest.raises(
        UserError, match=rf"test: 1 unit failed {MOST_ATTEMPTS} times \(unit 1: {why}"
    ) as caught:
        map_shards(logged(log, {1}, how), range(5), [1] * 5, "test")
    assert "\n" not in str(caught.value)
    assert sorted(log.read_text().split()) == sorted(["0", "1", "1", "1", "2", "3", "4"])


def test_when_nothing_succeeds_it_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "threading")
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")
    units = range(4 * MOST_FAILED)
    with pytest.raises(UserError, match=f"{MOST_FAILED} units failed"):
        map_shards(logged(tmp_path / "log", set(units), "raise"), units, [1] * len(units), "test")


def test_a_users_mistake_ends_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "2")

    def mistaken(unit: int) -> int:
        raise UserError(f"no such voice in unit {unit}")

    with pytest.raises(UserError, match=r"^no such voice in unit \d$"):
        map_shards(mistaken, range(4), [1] * 4, "test")


def test_a_full_disk_ends_the_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To try again would only take longer."""
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "2")
    log = tmp_path / "log"

    def full(unit: int) -> int:
        with log.open("a") as handle:
            handle.write(f"{unit}\n")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "shard"))

    with pytest.raises(OSError, match="No space left") as caught:
        map_shards(full, range(20), [1] * 20, "test")
    assert caught.value.filename == str(tmp_path / "shard")
    assert len(log.read_text().split()) <= 4
