"""Tables piece by piece: cuts that keep groups together, joins whose bytes do not depend on the cuts."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepfacegen.data.fanout import tables

COLUMNS = {"name": "str", "row": "int32", "score": "float32"}


@given(st.lists(st.integers(1, 4), max_size=40), st.integers(1, 9))
def test_cuts_lose_nothing_and_part_no_group(group_sizes: list[int], rows: int) -> None:
    names = [f"{i:03d}" for i, size in enumerate(group_sizes) for _ in range(size)]
    parts = list(tables.slices(pd.DataFrame({"key": names}), "key", rows))
    assert [name for part in parts for name in part["key"]] == names
    owners = [name for part in parts for name in sorted(set(part["key"]))]
    assert len(owners) == len(set(owners))
    assert all(len(part) >= rows for part in parts[:-1])
    assert all(part["key"].nunique() <= rows for part in parts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(group_sizes=st.lists(st.integers(1, 4), max_size=30), rows=st.integers(1, 9), batch=st.integers(1, 12))
def test_a_file_read_piece_by_piece_is_cut_like_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_sizes: list[int], rows: int, batch: int
) -> None:
    monkeypatch.setattr(tables, "BATCH_ROWS", batch)
    names = [f"{i:03d}" for i, size in enumerate(group_sizes) for _ in range(size)]
    whole = pd.DataFrame({"key": names, "place": range(len(names))}).astype({"key": "str"})
    whole.to_parquet(tmp_path / "whole.parquet", index=False)
    cuts = [
        [part["place"].tolist() for part in tables.slices(source, "key", rows)]
        for source in (whole, tmp_path / "whole.parquet")
    ]
    assert cuts[0] == cuts[1]
    assert tables.count_rows(whole) == tables.count_rows(tmp_path / "whole.parquet") == len(names)


@pytest.mark.parametrize("group_rows", [1 << 17, 7])
def test_a_join_has_the_same_bytes_however_it_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_rows: int
) -> None:
    monkeypatch.setattr(tables, "GROUP_ROWS", group_rows)
    whole = pd.DataFrame(
        {"name": [f"n{i % 5}" for i in range(40)], "row": range(40), "score": [i / 7 for i in range(40)]}
    ).astype(COLUMNS)
    found = []
    for cuts in ([0, 40], [0, 3, 3, 16, 40], [*range(41)]):
        parts = []
        for number, (begin, end) in enumerate(itertools.pairwise(cuts)):
            parts.append(tmp_path / f"{number}.parquet")
            whole.iloc[begin:end].to_parquet(parts[-1], index=False)
        tables.join(parts, tmp_path / "joined.parquet", COLUMNS)
        found.append((tmp_path / "joined.parquet").read_bytes())
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "joined.parquet"), whole)
    assert found[0] == found[1] == found[2]
    if group_rows > 40:  # and they are those that pandas writes
        whole.to_parquet(tmp_path / "plain.parquet", index=False)
        assert found[0] == (tmp_path / "plain.parquet").read_bytes()


def test_values_are_counted_in_order(tmp_path: Path) -> None:
    pd.DataFrame({"reason": ["b", "a", "b"]}).to_parquet(tmp_path / "r.parquet")
    assert tables.count_values(tmp_path / "r.parquet", "reason") == {"a": 1, "b": 2}
