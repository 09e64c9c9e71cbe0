"""Photos of people without voices, less those of people who are held out, whom nothing may be trained on."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from deepfacegen.config.schema import Config
from deepfacegen.data.download.folders import roots
from deepfacegen.data.faces import duplicates
from deepfacegen.data.fanout.schedule import map_shards
from deepfacegen.data.manifest.splits import KEYS
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.data.sources import join
from deepfacegen.data.sources.names import key
from deepfacegen.data.voiceless import TABLE

HELD_OUT = ("val", "test")
UNIT_FACES, READ_FACES = 4000, 500
BLOCK_FACES = 200_000  # are compared with the faces of held-out people at a time
COLUMNS = ["photo_id", "face_id", "shard", "row"]


def build(config: Config, raw: Path, voiceless: Path, faces: Path, manifest: Path) -> dict[str, Any]:
    """Write photos.parquet to `manifest`, which has the other tables already; returns the metrics.

    Removed is whoever has the name or an id of a held-out person (of any spelling), and whoever has a photo
    that a held-out person has too. Without photos: a table without rows, and no metrics.
    """
    table = pq.read_table(voiceless / "faces.parquet", columns=COLUMNS)
    codes = table["face_id"].combine_chunks().dictionary_encode()
    names, owner = codes.dictionary.to_pylist(), codes.indices.to_numpy(zero_copy_only=False)
    named, copied = np.zeros(len(names), dtype=bool), np.zeros(len(names), dtype=bool)
    if names:
        identities = pd.read_parquet(manifest / "identities.parquet")
        held = identities[identities["split"].isin(HELD_OUT)]
        spellings = spellings_of(config, raw, held)
        named = np.array([key(name) in spellings for name in names])
        known = pd.read_parquet(manifest / "faces.parquet", columns=["split", "shard", "row"])
        rest = np.flatnonzero(~named[owner])
        places = table.select(["shard", "row"]).take(pa.array(rest)).to_pandas()
        found = copies((known[known["split"].isin(HELD_OUT)], faces), (places, voiceless))
        copied[owner[rest[found]]] = True
    gone = named | copied
    # Labels in the order of the names that are left.
    labels, left = np.full(len(names), -1, dtype=np.int64), np.flatnonzero(~gone)
    labels[sorted(left, key=lambda place: names[place])] = np.arange(len(left))
    label = labels[owner]
    kept = table.append_column("label", pa.array(label)).filter(pa.array(label >= 0))
    kept = kept.sort_by([("label", "ascending"), ("photo_id", "ascending")]).replace_schema_metadata(None)
    kept.to_pandas().to_parquet(manifest / TABLE, index=False)
    if not names:
        return {}
    removed = {
        "all": int(gone[owner].sum()),
        "held_out_by_name": int(named[owner].sum()),
        "held_out_by_copy": int(copied[owner].sum()),
    }
    people = {"people": len(left), "people_removed": int(gone.sum())}
    return {"photos": {"all": kept.num_rows, **people, "removed": removed}}


def spellings_of(config: Config, raw: Path, people: pd.DataFrame) -> set[str]:
    """Keys (`names.key`) of all ids and names of identities, those of the metadata too."""
    found = {key(str(name)) for column in KEYS for name in people[column]}
    if config.data.source == "folder":
        return found
    data, metadata = config.data, roots(config).metadata
    if data.source == "sample":
        data, metadata = replace(data, enrichment=None, same_people=None), raw / "meta"
    ids = set(people["identity_id"])
    for person in join.read(data, metadata).people:
        if person.identity.identity_id in ids:
            found |= {*map(key, person.voice_ids), *person.face_keys}
    return found


def copies(known: tuple[pd.DataFrame, Path], others: tuple[pd.DataFrame, Path]) -> np.ndarray:
    """Places of faces (shard, row) in two folders of shards -> which of the others shows a photo that one of
    the known does: row numbers, sorted."""
    (known_faces, known_folder), (faces, folder) = known, others
    if known_faces.empty or faces.empty:
        return np.empty(0, dtype=np.int64)
    wanted, described = _described(known_folder, known_faces), _described(folder, faces)
    stored, own = FaceShards(known_folder), FaceShards(folder)
    found: set[int] = set()
    for start in range(0, len(faces), BLOCK_FACES):
        block = described[start : start + BLOCK_FACES]
        owner = np.repeat([0, 1], [len(wanted), len(block)])
        for one, other, mirrored in duplicates.across(np.concatenate([wanted, block]), owner):
            place = start + other - len(wanted)
            if place not in found:
                pair = stored.rows(known_faces.iloc[[one]]), own.rows(faces.iloc[[place]])
                card, own_card = (duplicates.cards(face)[0] for face in pair)
                if duplicates.same_photo(card, own_card, mirrored):
                    found.add(place)
    return np.array(sorted(found), dtype=np.int64)


def _described(folder: Path, places: pd.DataFrame) -> np.ndarray:
    """Descriptors of faces (`duplicates.describe`), on all workers: int8 [N, DIM]."""
    units = list(batched(places[["shard", "row"]], UNIT_FACES))
    parts = map_shards(functools.partial(_unit, folder), units, [len(unit) for unit in units], "compared")
    return np.concatenate(parts)


def _unit(folder: Path, places: pd.DataFrame) -> np.ndarray:
    stored = FaceShards(folder)
    return np.concatenate([duplicates.describe(stored.rows(part)) for part in batched(places, READ_FACES)])
