"""The manifest stage: who has both a voice and a face, split by identity, with every clip and face of theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config import SplitConfig
from deepfacegen.errors import UserError

SPLITS = ("train", "val", "test")
GROUPS = ("f", "m", "unknown")
SMALLEST_SPLIT = 2  # telling people apart takes two


def build(config: SplitConfig, raw: Path, audio: Path, faces: Path, out: Path) -> dict[str, Any]:
    """Write identities, clips and faces (docs/architecture.md) to `out`; returns the stage's metrics.

    Raises UserError when nobody has both a voice and a face, or a split would have fewer than two identities.
    """
    people = pd.read_parquet(raw / "meta/identities.parquet")
    all_clips, all_faces = pd.read_parquet(audio / "clips.parquet"), pd.read_parquet(faces / "faces.parquet")
    both = people["voice_id"].isin(all_clips["voice_id"]) & people["face_id"].isin(all_faces["face_id"])
    identities = people[both].sort_values("identity_id", ignore_index=True)
    if identities.empty:
        raise UserError(f"nobody of {len(people)} identities has both a clip in {audio} and a face in {faces}; see their rejects.parquet")
    identities["split"] = split(identities, config)
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
        "identities": {"all": len(identities), "dropped": len(people) - len(identities), **_by_split(identities)},
        "clips": {"all": len(clips), **{name: int((clips["split"] == name).sum()) for name in SPLITS}},
        "faces": {"all": len(photos), **{name: int((photos["split"] == name).sum()) for name in SPLITS}},
        "leaks": sum(leaks.values()),
    }


def split(identities: pd.DataFrame, config: SplitConfig) -> np.ndarray:
    """The split of each identity (rows sorted by id): str [N].

    Each gender, and those whose gender is unknown, is shuffled and spread evenly over one line, from which test, then
    val, then train are cut: sizes are exact (but at least two), and every split has each gender's share, to within
    one person. Whoever `train_only` matches stays out of it, in train. Raises UserError when too few are left for a split.
    """
    count = len(identities)
    shares = {"test": config.test_share, "val": config.val_share}
    sizes = {name: max(SMALLEST_SPLIT, round(count * share)) if share else 0 for name, share in shares.items()}
    sizes["train"] = count - sum(sizes.values())
    if sizes["train"] < SMALLEST_SPLIT:
        raise UserError(
            f"{count} identities have both a voice and a face, too few for {sizes['test']} in test, {sizes['val']} in val and at least "
            f"{SMALLEST_SPLIT} in train: get more people, or change the section split"
        )
    bound = identities["identity_id"].str.contains(config.train_only, regex=True).to_numpy() if config.train_only else np.zeros(count, dtype=bool)
    if sizes["test"] + sizes["val"] > count - bound.sum():
        raise UserError(
            f"{count} identities have both a voice and a face, and split.train_only keeps {bound.sum()} of them in train: too few are left for "
            f"{sizes['test']} in test and {sizes['val']} in val; change the section split"
        )
    gender = identities["gender"].fillna("unknown").to_numpy()
    place = np.full(count, np.inf)
    for number, group in enumerate(GROUPS):
        members = np.flatnonzero((gender == group) & ~bound)
        order = np.random.default_rng([config.seed, number]).permutation(len(members))
        place[members[order]] = (np.arange(len(members)) + 0.5) / max(1, len(members))
    chosen = np.empty(count, dtype=object)
    chosen[np.argsort(place, kind="stable")] = np.repeat(["test", "val", "train"], [sizes["test"], sizes["val"], sizes["train"]])
    return chosen.astype(str)


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
