"""The tables that the download stage writes: their columns, rows collected as Arrow chunks, and who an
identity is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

VOICE_COLUMNS = {
    "clip_id": "str",
    "voice_id": "str",
    "video_id": "str",
    "path": "str",
    "kind": "str",
    "size_bytes": "int64",
}
FACE_COLUMNS = {"photo_id": "str", "face_id": "str", "path": "str", "kind": "str", "size_bytes": "int64"}
IDENTITY_COLUMNS = {
    "identity_id": "str",
    "voice_id": "str",
    "face_id": "str",
    "gender": "str",
    "age_years": "float64",
    "nationality": "str",
}
_CHUNK_ROWS = 50_000
_ARROW = {"str": pa.large_string(), "int64": pa.int64()}


@dataclass(frozen=True)
class Identity:
    """A row of identities.parquet. What is not known is None, never guessed."""

    identity_id: str
    voice_id: str
    face_id: str
    gender: str | None = None
    age_years: float | None = None
    nationality: str | None = None


class Inventory:
    """Rows of one of the inventories. A million of them take some 100 MB: they are kept as Arrow chunks, not
    as Python objects."""

    def __init__(self, columns: dict[str, str]) -> None:
        self.columns = columns
        self._schema = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
        self._key = (0, list(columns).index("path"))
        self._chunks: list[pa.RecordBatch] = []
        self._rows: list[tuple] = []
        self._last: tuple[str, str] = ("", "")
        self._sorted = True

    def add(self, rows: Sequence[tuple]) -> None:
        """Rows in any order; the table ends up sorted by its first column, then by path."""
        if not rows:
            return
        ordered = sorted(rows, key=self._place)
        self._sorted &= self._place(ordered[0]) >= self._last
        self._last = self._place(ordered[-1])
        self._rows += ordered
        if len(self._rows) >= _CHUNK_ROWS:
            self._flush()

    def table(self) -> pa.Table:
        self._flush()
        whole = pa.Table.from_batches(self._chunks, self._schema).combine_chunks()
        if not self._sorted:
            keys = [(next(iter(self.columns)), "ascending"), ("path", "ascending")]
            whole = whole.take(pc.sort_indices(whole, sort_keys=keys))
        return whole

    def _place(self, row: tuple) -> tuple[str, str]:
        return row[self._key[0]], row[self._key[1]]

    def _flush(self) -> None:
        if self._rows:
            values = zip(*self._rows, strict=True)
            columns = [
                pa.array(column, field.type) for column, field in zip(values, self._schema, strict=True)
            ]
            self._chunks.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
            self._rows = []


def identity_frame(people: Sequence[Identity]) -> pd.DataFrame:
    rows = [asdict(person) for person in people]
    return pd.DataFrame(rows, columns=list(IDENTITY_COLUMNS)).astype(IDENTITY_COLUMNS)


def write(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def summary(table: pa.Table) -> dict[str, int]:
    """Files and bytes of an inventory, and files of each kind."""
    kinds = {item["values"]: item["counts"] for item in pc.value_counts(table["kind"]).to_pylist()}
    size = pc.sum(table["size_bytes"]).as_py() or 0
    return {"files": table.num_rows, "bytes": size, **dict(sorted(kinds.items()))}
