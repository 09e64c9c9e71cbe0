"""The manifest stage: who has both a voice and a face, split by identity, with every clip and face of
theirs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deepfacegen.config.schema import SplitConfig
from deepfacegen.data.manifest.splits import GROUPS, LEFT_OUT, SPLITS, assign, require_sizes
from deepfacegen.errors import UserError

SELECTION = "selection.json"


def build(config: SplitConfig, raw: Path, audio: Path, faces: Path, out: Path) -> dict[str, Any]:
    """Write identities, clips and faces (docs/data-contract.md) to `out`; returns the stage's metrics.

    Identities that a split file does not name are left out. Raises UserError when nobody has both a voice and
    a face, or the people cannot be split by the section split. Millions of rows stay Arrow columns, and
    are joined and checked by numbers, not by text.
    """
    people = pd.read_parquet(raw / "meta/identities.parquet")
    both = people["voice_id"].isin(_known(audio / "clips.parquet", "voice_id"))
    both &= people["face_id"].isin(_known(faces / "faces.parquet", "face_id"))
    identities = people[both].sort_values("identity_id", ignore_index=True)
    if identities.empty:
        where = f"both a clip in {audio} and a face in {faces}; see their rejects.parquet"
        raise UserError(f"nobody of {len(people)} identities has {where}")
    assigned = assign(identities, config)
    require_sizes(assigned.split, config)
    identities["split"] = assigned.split
    identities = identities[assigned.split != LEFT_OUT].reset_index(drop=True)
    identities["label"] = np.int64(-1)
    train = identities["split"] == "train"
    identities.loc[train, "label"] = np.arange(int(train.sum()))

    out.mkdir(parents=True, exist_ok=True)
    identities.to_parquet(out / "identities.parquet", index=False)
    if (faces / SELECTION).is_file():  # who chose the faces must be known wherever they are used
        shutil.copyfile(faces / SELECTION, out / SELECTION)
    leaks = _in_several_splits(pa.Table.from_pandas(identities), "identity_id")
    counts: dict[str, dict[str, int]] = {}
    for name, path, key, row_id in (
        ("clips", audio / "clips.parquet", "voice_id", "clip_id"),
        ("faces", faces / "faces.parquet", "face_id", "photo_id"),
    ):
        table = _join(pq.read_table(path), identities, key, row_id)  # one at a time: photos are many
        leaks += _in_several_splits(table, key) + _in_several_splits(table, row_id)
        assert not leaks, f"somebody is in two splits: {leaks} ids, found in {name}"
        table.to_pandas().to_parquet(out / f"{name}.parquet", index=False)
        by_split = {split: pc.sum(pc.equal(table["split"], split)).as_py() or 0 for split in SPLITS}
        counts[name] = {"all": table.num_rows, **by_split}
    people_counts = {"all": len(identities), "dropped": int((~both).sum()), **assigned.counts}
    return {"identities": people_counts | _by_split(identities), **counts, "leaks": leaks}


def _known(path: Path, key: str) -> list[str]:
    return pc.unique(pq.read_table(path, columns=[key])[key]).to_pylist()


def _join(table: pa.Table, identities: pd.DataFrame, key: str, row_id: str) -> pa.Table:
    """The rows of a table that belong to an identity, with its id, split and label; sorted by identity, then
    row.

    Raises ValueError if two identities share a key."""
    if identities[key].duplicated().any():
        raise ValueError(f"{key} of the identities is not unique")
    ids = table[row_id].combine_chunks()
    if not pc.all(pc.less_equal(ids[:-1], ids[1:])).as_py():
        table = table.take(pc.sort_indices(ids))
    codes = pc.dictionary_encode(table[key].combine_chunks())
    place = pd.Index(identities[key]).get_indexer(codes.dictionary.to_pylist())
    owner = place[codes.indices.to_numpy()] if len(codes) else np.empty(0, dtype=np.int64)
    order = np.argsort(owner, kind="stable")
    order = order[np.searchsorted(owner[order], 0) :]
    joined, owner = table.take(pa.array(order)), owner[order]
    for name in ("identity_id", "split", "label"):
        joined = joined.append_column(name, pa.Array.from_pandas(identities[name]).take(pa.array(owner)))
    return joined.replace_schema_metadata(None)


def _in_several_splits(table: pa.Table, key: str) -> int:
    """How many values of a column are in more than one split."""
    if not table.num_rows:
        return 0
    value, split = (
        pc.dictionary_encode(table[name].combine_chunks()).indices.to_numpy().astype(np.int64)
        for name in (key, "split")
    )
    pairs = np.unique(value * len(SPLITS) + split)
    return int((np.bincount(pairs // len(SPLITS)) > 1).sum())


def _by_split(identities: pd.DataFrame) -> dict[str, dict[str, int]]:
    gender = identities["gender"].fillna("unknown")
    counts: dict[str, dict[str, int]] = {}
    for name in SPLITS:
        here = identities["split"] == name
        groups = {group: int((here & (gender == group)).sum()) for group in GROUPS}
        counts[name] = {"all": int(here.sum()), **groups}
    return counts


def plot(out: Path, plots: Path) -> None:
    """Identities per split and gender as a bar (PNG and CSV), from the stage's out."""
    from matplotlib.figure import Figure

    plots.mkdir(parents=True, exist_ok=True)
    counts = _by_split(pd.read_parquet(out / "identities.parquet"))
    table = pd.DataFrame.from_dict(counts, orient="index")[list(GROUPS)]
    table.rename_axis("split").to_csv(plots / "identities.csv")
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    below = np.zeros(len(table))
    for group, colour in zip(GROUPS, ("tab:purple", "tab:green", "tab:gray"), strict=True):
        axes.bar(list(SPLITS), table[group].to_numpy(), bottom=below, label=group, color=colour)
        below += table[group].to_numpy()
    axes.set(ylabel="identities")
    axes.legend(title="gender")
    figure.savefig(plots / "identities.png", dpi=100, metadata={"Software": None})
