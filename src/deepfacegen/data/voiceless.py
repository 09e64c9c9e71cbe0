"""Photos of people without voices, as the stages that train on them read them, and who they are of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deepfacegen.data.shards import FaceShards

TABLE = "photos.parquet"
# Photos of some people: rows `shard`, `row` and `label` (0..N-1, whose it is), and the shards they lie in.
Source = tuple[pd.DataFrame, FaceShards]


@dataclass(frozen=True)
class Voiceless:
    """Those that no held-out person is on, and the record of whose they are for a model's config.json."""

    source: Source
    record: dict[str, Any]


def read(manifest: Path = Path("data/manifest"), folder: Path = Path("data/voiceless")) -> Voiceless | None:
    """None where there are none."""
    names = people(manifest)
    if not names:
        return None
    faces = pd.read_parquet(manifest / TABLE, columns=["shard", "row", "label"])
    return Voiceless((faces, FaceShards(folder)), record(names))


def people(manifest: Path) -> list[str]:
    """Names or ids (face_id) of the people without voices in a manifest, sorted; none where it has no such
    table."""
    if not (manifest / TABLE).is_file():
        return []
    found = pq.read_table(manifest / TABLE, columns=["face_id"])["face_id"]
    return sorted(pc.unique(found).to_pylist())


def record(names: Sequence[str]) -> dict[str, Any]:
    """The number of people, and the sha256 of their sorted names, one a line."""
    digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()
    return {"people": len(names), "sha256": digest}


def joined(sources: Sequence[Source]) -> Source:
    """Several sources as one: nobody in one of them is anybody in another."""
    if len(sources) == 1:
        return sources[0]
    tables, first_shard, first_label = [], [0], 0
    for faces, _ in sources:
        table = faces[["shard", "row", "label"]].astype(np.int64)
        tables.append(
            table.assign(shard=table["shard"] + first_shard[-1], label=table["label"] + first_label)
        )
        first_shard.append(first_shard[-1] + int(table["shard"].max()) + 1)
        first_label += int(table["label"].max()) + 1
    shards = JoinedShards([photos for _, photos in sources], first_shard[:-1])
    return pd.concat(tables, ignore_index=True), shards


class JoinedShards(FaceShards):
    """The shards of several folders under numbers that go on: those of folder i begin at `first`[i]."""

    def __init__(self, folders: Sequence[FaceShards], first: Sequence[int]) -> None:
        self.folders, self.first = list(folders), np.asarray(first)

    def gather(self, shards: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """As `FaceShards.gather`."""
        shards, rows = np.asarray(shards), np.asarray(rows)
        folder = np.searchsorted(self.first, shards, side="right") - 1
        out: np.ndarray | None = None
        for place in np.unique(folder):
            here = folder == place
            faces = self.folders[place].gather(shards[here] - self.first[place], rows[here])
            if out is None:
                out = np.empty((len(shards), *faces.shape[1:]), dtype=np.uint8)
            out[here] = faces
        if out is None:
            raise ValueError("no faces are wanted")
        return out
