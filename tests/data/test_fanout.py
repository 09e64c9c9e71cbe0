"""Fan-out: the order of the units, whatever the engine; cuts that keep groups together."""

from __future__ import annotations

import functools
import os

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.data.fanout import map_shards, slices
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


@pytest.mark.parametrize(("key", "value"), [("DEEPFACEGEN_ENGINE", "abacus"), ("DEEPFACEGEN_WORKERS", "0"), ("DEEPFACEGEN_WORKERS", "many")])
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, key: str, value: str) -> None:
    monkeypatch.setenv(key, value)
    with pytest.raises(UserError, match=f"{key}.*{value}"):
        map_shards(functools.partial(work, 3), [1], [1], "test")


@pytest.mark.parametrize(("engine", "module"), [("ray", "ray"), ("dask", "distributed")])
def test_an_engine_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, engine: str, module: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", engine)
    with pytest.raises(UserError, match=f"{engine} is not installed"):
        map_shards(functools.partial(work, 3), [1], [1], "test")


@given(st.lists(st.integers(1, 4), max_size=40), st.integers(1, 9))
def test_cuts_lose_nothing_and_part_no_group(group_sizes: list[int], rows: int) -> None:
    names = [f"{i:03d}" for i, size in enumerate(group_sizes) for _ in range(size)]
    parts = slices(pd.DataFrame({"key": names}), "key", rows)
    assert [name for part in parts for name in part["key"]] == names
    owners = [name for part in parts for name in sorted(set(part["key"]))]
    assert len(owners) == len(set(owners))
    assert all(len(part) >= rows for part in parts[:-1])
    assert all(part["key"].nunique() <= rows for part in parts)
