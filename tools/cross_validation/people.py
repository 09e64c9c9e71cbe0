"""Who is held out in each fold."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.evaluation.embedders.estimator import Estimator

FACES_AT_ONCE = 256


def without_test(manifest: Manifest) -> Manifest:
    """The people on whom a recipe may be chosen."""
    return Manifest(
        *(
            t[t["split"] != "test"].reset_index(drop=True)
            for t in (manifest.identities, manifest.clips, manifest.faces)
        )
    )


def folds(manifest: Manifest, count: int, train_only: str | None, seed: int) -> np.ndarray:
    """The fold of each identity, 0..count-1; -1 for those who always train."""
    ids = manifest.identities["identity_id"]
    free = ~ids.str.match(train_only).to_numpy() if train_only else np.ones(len(ids), dtype=bool)
    fold = np.full(len(ids), -1)
    fold[free] = np.random.default_rng(seed).permutation(int(free.sum())) % count
    return fold


def held_out(manifest: Manifest, test: np.ndarray) -> Manifest:
    """The manifest as if the identities of the mask [I] were the test people, and all others trained."""
    people = manifest.identities.assign(
        split=np.where(test, "test", "train"), label=np.where(test, -1, np.cumsum(~test) - 1)
    )
    split = people.set_index("identity_id")[["split", "label"]]
    tables = (
        t.drop(columns=["split", "label"]).join(split, on="identity_id")
        for t in (manifest.clips, manifest.faces)
    )
    return Manifest(people, *tables)


def evaluated_on(manifest: Manifest, clip_ids: Collection[str]) -> Manifest:
    """The manifest with only these clips of its test people; test people who have none of them are left
    out, and so are their photos."""
    clips = manifest.clips
    clips = clips[(clips["split"] != "test") | clips["clip_id"].isin(clip_ids)]
    people, faces = (
        table[(table["split"] != "test") | table["identity_id"].isin(clips["identity_id"])]
        for table in (manifest.identities, manifest.faces)
    )
    return Manifest(*(table.reset_index(drop=True) for table in (people, clips, faces)))


def apparent_genders(manifest: Manifest, photos: FaceShards) -> Manifest:
    """The manifest with the genders that are not listed filled in by what the estimator sees in the person's
    photos."""
    faces, estimator = manifest.faces, Estimator.load()
    parts = batched(faces, FACES_AT_ONCE)
    male = np.concatenate([estimator.estimate(photos.rows(part)).male for part in parts])
    seen = (
        pd.Series(male, index=faces["identity_id"])
        .groupby(level=0)
        .mean()
        .reindex(manifest.identities["identity_id"])
        .to_numpy()
    )
    listed = manifest.identities["gender"].astype(object)
    people = manifest.identities.assign(gender=listed.where(listed.notna(), np.where(seen > 0.5, "m", "f")))
    return Manifest(people, manifest.clips, manifest.faces)
