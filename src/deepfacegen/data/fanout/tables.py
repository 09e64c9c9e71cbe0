"""Tables piece by piece: an inventory cut into units of work, and the units' tables joined, without ever
holding a whole one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 2048
# Rows of a row group in a joined table: what is held in memory while joining.
GROUP_ROWS = 131_072


def count_rows(table: pd.DataFrame | Path) -> int:
    return len(table) if isinstance(table, pd.DataFrame) else int(pq.read_metadata(table).num_rows)


def count_values(path: Path, column: str) -> dict[str, int]:
    """How often each value stands in a column of a Parquet file, sorted by value."""
    counts = pd.read_parquet(path, columns=[column])[column].value_counts().sort_index()
    return {str(value): int(count) for value, count in counts.items()}


def slices(table: pd.DataFrame | Path, key: str, rows: int) -> Iterator[pd.DataFrame]:
    """A sorted table, or one in a Parquet file, cut every `rows` rows; a cut moves down where it would part
    rows that share their `key`."""
    waiting: list[pd.DataFrame] = []
    for batch in _batches(table):
        joined = pd.concat([*waiting, batch]) if waiting else batch
        begin = 0
        values = joined[key].to_numpy()
        # The last group may go on in the next batch, so a cut behind it waits.
        while (end := _cut(values, begin + rows)) < len(joined):
            yield joined.iloc[begin:end]
            begin = end
        waiting = [joined.iloc[begin:]]
    if waiting and len(waiting[0]):
        yield waiting[0]


def join(parts: Iterable[Path], path: Path, columns: Mapping[str, str]) -> None:
    """Parquet files of the same columns (name -> pandas dtype), one after the other, as one, whose bytes do
    not depend on how they were cut.

    One thread reads, and the allocator gives back what each part took: else it would keep memory for every
    thread and part, up to 30 MiB.
    """
    schema = pa.Schema.from_pandas(
        pd.DataFrame(columns=list(columns)).astype(dict(columns)), preserve_index=False
    )
    partial = path.with_name(path.name + ".tmp")
    with pq.ParquetWriter(partial, schema) as writer:
        held = schema.empty_table()
        for part in parts:
            held = pa.concat_tables([held, pq.read_table(part, schema=schema, use_threads=False)])
            while len(held) >= GROUP_ROWS:
                writer.write_table(held.slice(0, GROUP_ROWS).combine_chunks())
                held = held.slice(GROUP_ROWS).combine_chunks()
            pa.default_memory_pool().release_unused()
        if len(held):
            writer.write_table(held.combine_chunks())
    os.replace(partial, path)


def _batches(table: pd.DataFrame | Path) -> Iterator[pd.DataFrame]:
    if isinstance(table, pd.DataFrame):
        yield table
    else:
        with pq.ParquetFile(table) as file:
            for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                yield batch.to_pandas(use_threads=False)


def _cut(values: np.ndarray, end: int) -> int:
    """The first row from `end` on that begins a new group; the length of the table when there is none."""
    while end < len(values) and values[end] == values[end - 1]:
        end += 1
    return min(end, len(values))
