"""Tables of any length, piece by piece: an inventory cut into slices, and the tables of units joined."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 2048
# Of a row group in a joined table, which is held in memory.
GROUP_ROWS = 131_072


def count_rows(table: pd.DataFrame | Path) -> int:
    return len(table) if isinstance(table, pd.DataFrame) else int(pq.read_metadata(table).num_rows)


def count_values(path: Path, column: str) -> dict[str, int]:
    """How often each value stands in a column of a Parquet file, sorted by value."""
    counts = pd.read_parquet(path, columns=[column])[column].value_counts().sort_index()
    return {str(value): int(count) for value, count in counts.items()}


def slices(table: pd.DataFrame | Path, key: str, rows: int) -> Iterator[pd.DataFrame]:
    """A table sorted by `key`, or one in a Parquet file, in slices of `rows` rows.

    A slice is longer where its end would part rows of the same key.
    """
    rest: pd.DataFrame | None = None
    for batch in _batches(table):
        joined = batch if rest is None else pd.concat([rest, batch])
        begin = 0
        values = joined[key].to_numpy()
        # Rows of the last key may follow in the next batch, so there is no cut behind them yet.
        while (end := _end(values, begin + rows)) < len(joined):
            yield joined.iloc[begin:end]
            begin = end
        rest = joined.iloc[begin:]
    if rest is not None and len(rest):
        yield rest


def join(parts: Iterable[Path], path: Path, columns: Mapping[str, str]) -> None:
    """Write Parquet files of the same columns (name -> pandas dtype), one after the other, as one.

    Its bytes do not depend on how the rows were parted. One thread reads, and the allocator releases what
    each part took: else it would keep up to 30 MiB for every thread and part.
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


def _end(values: np.ndarray, end: int) -> int:
    """The first row from `end` on whose value differs from the one before, or the number of rows."""
    while end < len(values) and values[end] == values[end - 1]:
        end += 1
    return min(end, len(values))
