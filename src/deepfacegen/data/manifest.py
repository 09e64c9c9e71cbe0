"""The manifest stage: who has both a voice and a face, split by identity, with every clip and face of theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config import SplitConfig
from deepfacegen.data.splits import GROUPS, LEFT_OUT, SPLITS, assign
from deepfacegen.errors import UserError


def build(config: SplitConfig, raw: Path, audio: Path, faces: Path, out: Path) -> dict[str, Any]:
    """Write identities, clips and faces (docs/architecture.md) to `out`; returns the stage's metrics.

    Identities that a split file does not name are left out. Raises UserError when nobody has both a voice and a face, or the people
    cannot be split as the section split says.
    """
    people = pd.read_parquet(raw / "meta/identities.parquet")
    all_clips, all_faces = pd.read_parquet(audio / "clips.parquet"), pd.read_parquet(faces / "faces.parquet")
    both = people["voice_id"].isin(all_clips["voice_id"]) & people["face_id"].isin(all_faces["face_id"])
    identities = people[both].sort_values("identity_id", ignore_index=True)
    if identities.empty:
        raise UserError(f"nobody of {len(people)} identities has both a clip in {audio} and a face in {faces}; see their rejects.parquet")
    assigned = assign(identities, config)
    identities["split"] = assigned.split
    identities = identities[assigned.split != LEFT_OUT].reset_index(drop=True)
    identities["label"] = np.int64(-1)
    train = identities["split"] == "train"
    identities.loc[train, "label"] = np.arange(int(train.sum()))

    clips = _join(all_clips, identities, "voice_id", "clip_id")
    photos = _join(all_faces, identities, "face_id", "photo_id")
    leaks = {
        "identities": _in_several_splits(identities, "identity_id"),
        "voices": _in_several_splits(clips, "voice_id"),
        "clips": _in_several_splits(clips, "clip_id"),
        "faces": _in_several_splits(photos, "face_id"),
        "photos": _in_several_splits(photos, "photo_id"),
    }
    assert not any(leaks.values()), f"somebody is in two splits: {leaks}"
    out.mkdir(parents=True, exist_ok=True)
    for name, table in (("identities", identities), ("clips", clips), ("faces", photos)):
        table.to_parquet(out / f"{name}.parquet", index=False)
    return {
        "identities": {"all": len(identities), "dropped": int((~both).sum()), **assigned.counts, **_by_split(identities)},
        "clips": {"all": len(clips), **{name: int((clips["split"] == name).sum()) for name in SPLITS}},
        "faces": {"all": len(photos), **{name: int((photos["split"] == name).sum()) for name in SPLITS}},
        "leaks": sum(leaks.values()),
    }


def _join(table: pd.DataFrame, identities: pd.DataFrame, key: str, row_id: str) -> pd.DataFrame:
    """The rows of a table that belong to an identity, with its id, split and label; sorted by identity, then row."""
    joined = table.merge(identities[[key, "identity_id", "split", "label"]], on=key, validate="many_to_one")
    return joined.sort_values(["identity_id", row_id], kind="stable", ignore_index=True)


def _in_several_splits(table: pd.DataFrame, key: str) -> int:
    return int((table.groupby(key)["split"].nunique() > 1).sum())


def _by_split(identities: pd.DataFrame) -> dict[str, dict[str, int]]:
    gender = identities["gender"].fillna("unknown")
    counts: dict[str, dict[str, int]] = {}
    for name in SPLITS:
        here = identities["split"] == name
        counts[name] = {"all": int(here.sum()), **{group: int((here & (gender == group)).sum()) for group in GROUPS}}
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
