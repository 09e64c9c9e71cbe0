"""Shards: flat int16 speech and uint8 faces as .npy files, opened as memory maps when first needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from deepfacegen.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Items = TypeVar("Items")


def shard_path(folder: str | Path, shard: int) -> Path:
    return Path(folder) / f"shard-{shard:05d}.npy"


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file in one piece: a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".tmp")
    with partial.open("wb") as handle:
        np.save(handle, array, allow_pickle=False)
    os.replace(partial, path)


class ArrayWriter:
    """A .npy file that grows along its first axis, so that nobody holds a whole shard; its bytes are those of
    `write_array` of all parts joined.

    It is whole only when the context has ended: write it where nobody looks for it until then.
    """

    def __init__(self, path: Path, dtype: type, shape: tuple[int, ...] = ()) -> None:
        self.dtype, self.shape, self.rows = np.dtype(dtype), shape, 0
        self._handle = path.open("wb")
        self._header()

    def append(self, part: np.ndarray) -> None:
        """Add an array [N, *shape]."""
        if part.dtype != self.dtype or part.shape[1:] != self.shape:
            raise ValueError(
                f"holds {self.dtype} of shape {self.shape}, not {part.dtype} of shape {part.shape[1:]}"
            )
        self._handle.write(np.ascontiguousarray(part).data)
        self.rows += len(part)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with self._handle:
            self._handle.seek(0)
            self._header()

    def _header(self) -> None:
        # numpy leaves room for the first axis to grow to 21 digits, so the length of the header does not
        # depend on it.
        described = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.shape),
        }
        np.lib.format.write_array_header_1_0(self._handle, described)


class _Maps:
    """Memory maps of a folder's shards. Pickles as the folder alone, so that workers open their own."""

    def __init__(self, folder: str | Path, dtype: type, ndim: int) -> None:
        self.folder, self.dtype, self.ndim = Path(folder), np.dtype(dtype), ndim
        self._open: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": {}}

    def __getitem__(self, shard: int) -> np.ndarray:
        if shard not in self._open:
            self._open[shard] = self._map(shard)
        return self._open[shard]

    def _map(self, shard: int) -> np.ndarray:
        path = shard_path(self.folder, shard)
        try:
            array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise UserError(f"{path}: no such shard; run the stage that writes {self.folder} again") from None
        except (ValueError, EOFError, OSError) as error:
            raise UserError(
                f"{path}: not a whole shard ({error}); run the stage that writes {self.folder} again"
            ) from None
        if array.dtype != self.dtype or array.ndim != self.ndim:
            raise UserError(
                f"{path}: holds {array.dtype} with {array.ndim} axes, not {self.dtype} with "
                f"{self.ndim}; run its stage again"
            )
        return array

    def outside(self, shard: int) -> UserError:
        path = shard_path(self.folder, shard)
        return UserError(
            f"{path}: shorter than its table says; run the stage that writes {self.folder} again"
        )


def batched(items: Items, size: int) -> Iterator[Items]:
    """Slices of at most `size` along the first axis of an array, a table, a tensor or a list."""
    whole: Any = items
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


class AudioShards:
    """Speech by (shard, offset, length). int16, 16 kHz, mono."""

    def __init__(self, folder: str | Path) -> None:
        self._maps = _Maps(folder, np.int16, 1)

    def read(self, shard: int, offset: int, length: int) -> np.ndarray:
        """int16 [length], a copy. Raises UserError naming a shard that is missing, damaged or too short."""
        flat = self._maps[int(shard)]
        if offset < 0 or offset + length > len(flat):
            raise self._maps.outside(shard)
        return np.array(flat[offset : offset + length])

    def clips(self, table: pd.DataFrame) -> list[np.ndarray]:
        """The whole clips of a table with the columns shard, offset_samples and length_samples: int16 [T]
        each. Raises UserError as `read` does."""
        places = table[["shard", "offset_samples", "length_samples"]].to_numpy().tolist()
        return [self.read(*place) for place in places]

    def gather(self, shards: np.ndarray, offsets: np.ndarray, length: int) -> np.ndarray:
        """Crops of equal length: shards [B], offsets [B] -> int16 [B, length]. Raises UserError as `read`
        does."""
        shards, offsets = np.asarray(shards), np.asarray(offsets)
        out = np.empty((len(shards), length), dtype=np.int16)
        for shard in np.unique(shards):
            flat, here = self._maps[int(shard)], shards == shard
            start = offsets[here]
            if start.min() < 0 or start.max() + length > len(flat):
                raise self._maps.outside(int(shard))
            out[here] = np.lib.stride_tricks.sliding_window_view(flat, length)[start] if length else 0
        return out


class FaceShards:
    """Aligned faces by (shard, row). uint8 [S, S, 3], RGB."""

    def __init__(self, folder: str | Path) -> None:
        self._maps = _Maps(folder, np.uint8, 4)

    def rows(self, table: pd.DataFrame) -> np.ndarray:
        """The faces of a table with the columns shard and row: uint8 [B, S, S, 3]. Raises as `gather`
        does."""
        return self.gather(table["shard"].to_numpy(), table["row"].to_numpy())

    def gather(self, shards: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """shards [B], rows [B] -> uint8 [B, S, S, 3], B >= 1. Raises UserError naming a shard that is
        missing, damaged or too short."""
        shards, rows = np.asarray(shards), np.asarray(rows)
        out: np.ndarray | None = None
        for shard in np.unique(shards):
            faces, here = self._maps[int(shard)], shards == shard
            wanted = rows[here]
            if wanted.min() < 0 or wanted.max() >= len(faces):
                raise self._maps.outside(int(shard))
            if out is None:
                out = np.empty((len(shards), *faces.shape[1:]), dtype=np.uint8)
            out[here] = faces[wanted]
        if out is None:
            raise ValueError("no faces are wanted")
        return out
