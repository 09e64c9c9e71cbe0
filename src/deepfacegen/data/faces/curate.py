"""Near-duplicates and mislabelled faces flagged in faces.parquet and, if wanted, left out (`faces.flags`,
docs/faces.md).

Identity by identity on all workers; only small descriptors of all faces come together, to find one photo of
two people.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces import duplicates
from deepfacegen.data.fanout.schedule import map_shards
from deepfacegen.data.fanout.tables import count_values
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.errors import UserError

# Aligned faces uint8 [N, S, S, 3] -> unit vectors float32 [N, D].
Embed = Callable[[np.ndarray], np.ndarray]
# A face is mislabelled when its median cosine with the other faces of its person lies below this (measured on
# LFW, docs/faces.md).
LEAST_COSINE = {"sface": 0.25, "dlib": 0.9}
LEAST_FACES = 3  # of two, either may be the wrong one
MOST_COMPARED = 1000  # faces of a person with which each of them is compared
UNIT_FACES, READ_FACES = 2000, 500
SELECTION = "selection.json"


@dataclass(frozen=True)
class Flags:
    """Of each face: descriptor int8 [N, DIM], the place of what it is a copy of or -1 [N], whether it is
    mislabelled: 1, 0, or -1 unknown [N]."""

    descriptors: np.ndarray
    copy_of: np.ndarray
    outlier: np.ndarray


def curate(
    config: FacesConfig, inventory: Path, out: Path, metrics: dict[str, Any], embed: Embed | None = None
) -> dict[str, Any]:
    """Columns `duplicate_of` and `outlier` for `out`/faces.parquet, and what is to be dropped moved to
    rejects.parquet; returns the new metrics.

    `embed` (a function of a module, or a partial of one) belongs to `faces.flags` dlib or sface. Where it
    chose what is kept, `out`/selection.json says so. Raises UserError when nothing would be left.
    """
    table = pd.read_parquet(out / "faces.parquet")
    owner = pd.factorize(table["face_id"])[0]
    flags = _flags(out, table, owner, embed, LEAST_COSINE.get(config.flags, 0.0))
    across_people = _across(out, table, owner, flags)
    copies, outliers = flags.copy_of >= 0, flags.outlier > 0
    ids = table["photo_id"].to_numpy(dtype=object)
    table["duplicate_of"] = pd.Series(ids[flags.copy_of], dtype="string").where(copies)
    table["outlier"] = pd.Series(outliers, dtype="boolean").where(flags.outlier >= 0)
    dropped = (copies & config.drop_duplicates) | (outliers & config.drop_outliers)
    if dropped.all():
        raise UserError("faces.drop_duplicates and faces.drop_outliers leave no face; set them to false")
    reason = np.where(copies & config.drop_duplicates, "near_duplicate", "mislabelled")
    rejects = _rejects(inventory, out, table["photo_id"], dropped, reason)
    kept = table[~dropped]
    kept.to_parquet(out / "faces.parquet", index=False)
    rejects.to_parquet(out / "rejects.parquet", index=False)
    if embed is not None and (config.drop_outliers or config.drop_duplicates):
        (out / SELECTION).write_text(json.dumps({"selected_with": [config.flags]}) + "\n", encoding="utf-8")
    return metrics | {
        "kept": metrics["seen"] - len(rejects),
        "faces": len(kept),
        "people": int(kept["face_id"].nunique()),
        "rejected": {"all": len(rejects), **count_values(out / "rejects.parquet", "reason")},
        "flags": {
            "near_duplicates": int(copies.sum()),
            "across_people": across_people,
            "mislabelled": int(outliers.sum()),
            "dropped": int(dropped.sum()),
        },
    }


def _flags(out: Path, table: pd.DataFrame, owner: np.ndarray, embed: Embed | None, least: float) -> Flags:
    """Flags within each person, over units of whole people."""
    order = np.argsort(owner, kind="stable")
    places = table[["shard", "row"]].iloc[order]
    bounds = np.append(np.flatnonzero(np.diff(owner[order], prepend=-1)), len(order))
    units: list[tuple[pd.DataFrame, np.ndarray]] = []
    begin = 0
    for end in range(1, len(bounds)):
        if bounds[end] - bounds[begin] >= UNIT_FACES or end == len(bounds) - 1:
            unit = slice(bounds[begin], bounds[end])
            units.append((places[unit], bounds[begin : end + 1] - bounds[begin]))
            begin = end
    sizes = [len(faces) for faces, _ in units]
    results = map_shards(functools.partial(_unit, out, embed, least), units, sizes, "flags")
    copy_of, outlier = np.full(len(table), -1), np.full(len(table), -1, dtype=np.int8)
    descriptors = np.empty((len(table), duplicates.DIM), dtype=np.int8)
    for start, found in zip(np.cumsum([0, *sizes]), results, strict=False):
        here = order[start : start + len(found.copy_of)]
        descriptors[here], outlier[here] = found.descriptors, found.outlier
        copy_of[here] = np.where(found.copy_of < 0, -1, here[found.copy_of])
    return Flags(descriptors, copy_of, outlier)


def _unit(out: Path, embed: Embed | None, least: float, unit: tuple[pd.DataFrame, np.ndarray]) -> Flags:
    """Some people, whole: the places of their faces (shard, row), and where each person begins and the last
    ends."""
    places, bounds = unit
    stored = FaceShards(out)
    parts = []
    for part in batched(places, READ_FACES):
        faces = stored.rows(part)
        vectors = embed(faces) if embed is not None else np.empty((len(faces), 0), dtype=np.float32)
        parts.append((duplicates.describe(faces), duplicates.cards(faces), vectors))
    descriptors, cards, vectors = map(np.concatenate, zip(*parts, strict=True))
    copy_of, outlier = np.full(len(places), -1), np.full(len(places), -1, dtype=np.int8)
    for begin, end in itertools.pairwise(bounds.tolist()):
        found = duplicates.within(descriptors[begin:end], cards[begin:end])
        copy_of[begin:end] = np.where(found < 0, -1, found + begin)
        if embed is not None:
            outlier[begin:end] = mislabelled(vectors[begin:end], least)
    return Flags(descriptors, copy_of, outlier)


def mislabelled(vectors: np.ndarray, least: float) -> np.ndarray:
    """Unit vectors [n, D] of the faces that are labelled as one person -> 1 mislabelled, 0 not, -1 unknown:
    int8 [n].

    Each is compared with the others (of more than MOST_COMPARED, with so many, evenly chosen) by its median
    cosine (of two in the middle, the higher). Where half of them or more stand out, or there are fewer than
    LEAST_FACES, all are unknown.
    """
    count = len(vectors)
    if count < LEAST_FACES:
        return np.full(count, -1, dtype=np.int8)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_COMPARED)).round().astype(int))
    cosine = vectors @ vectors[chosen].T
    cosine[chosen, np.arange(len(chosen))] = np.nan  # itself
    out = np.nanquantile(cosine, 0.5, axis=1, method="higher") < least
    return np.where(out.any() and 2 * out.sum() >= count, -1, out).astype(np.int8)


def _across(out: Path, table: pd.DataFrame, owner: np.ndarray, flags: Flags) -> int:
    """Copies below different people, entered into `flags.copy_of`; how many. Of two, the one that is
    mislabelled is the copy, else the later."""
    originals = np.flatnonzero(flags.copy_of < 0)
    stored, found = FaceShards(out), 0
    for one, other, mirrored in duplicates.across(flags.descriptors[originals], owner[originals]):
        pair = originals[[one, other]]
        if (flags.copy_of[pair] >= 0).any():
            continue
        cards = duplicates.cards(stored.rows(table.iloc[pair]))
        if duplicates.same_photo(cards[0], cards[1], mirrored):
            kept, copy = pair[::-1] if flags.outlier[pair[0]] > max(flags.outlier[pair[1]], 0) else pair
            flags.copy_of[copy] = kept
            found += 1
    chain = flags.copy_of >= 0  # of a copy of a copy, the original
    while (again := chain & (flags.copy_of[flags.copy_of] >= 0)).any():
        flags.copy_of[again] = flags.copy_of[flags.copy_of[again]]
    return found


def _rejects(
    inventory: Path, out: Path, photo_ids: pd.Series, dropped: np.ndarray, reason: np.ndarray
) -> pd.DataFrame:
    """The table of rejects with the files of which no face is left, in the order of the inventory."""
    rejects = pd.read_parquet(out / "rejects.parquet")
    listed = pd.read_parquet(inventory, columns=["photo_id", "path"])
    known = set(listed["photo_id"])
    files = photo_ids.where(photo_ids.isin(known), photo_ids.str.rpartition("#")[0])
    gone = ~files.isin(set(files[~dropped]))
    why = dict(zip(files[gone][::-1], reason[gone.to_numpy()][::-1], strict=True))
    more = listed[listed["photo_id"].isin(why)].merge(
        rejects[["photo_id", "path"]], how="left", on=["photo_id", "path"], indicator=True
    )
    more = more.loc[more["_merge"] == "left_only", ["photo_id", "path"]]
    more["reason"] = more["photo_id"].map(why)
    return pd.concat([rejects, more.astype(rejects.dtypes)]).sort_values(
        ["photo_id", "path"], kind="stable", ignore_index=True
    )
