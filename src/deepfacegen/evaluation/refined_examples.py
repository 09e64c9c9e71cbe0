"""Unseen people's faces for the report, before and after: low-res, interpolated, drawn again, changed,
swapped, turned to the front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest.attributes import matrix
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.metrics.refinement import enlarged
from deepfacegen.evaluation.references.upper_bound import shrink
from deepfacegen.systems.protocol import Refiner

PEOPLE, TURNED = 8, 6


def write(
    folder: Path, refiner: Refiner, manifest: Manifest, photos: FaceShards, attributes: pd.DataFrame
) -> None:
    """`attributes.parquet` (identity_id, photo_id) and, row by row, `attributes.npz`, all faces uint8, of the first
    unseen people, not chosen.

    `low` [P, s, s, 3], `bicubic`, `refined`, `true` [P, S, S, 3], `changed` [P, K, S, S, 3] (one attribute
    turned into its opposite, in the order of `names`), `own` float32 [P, K] (what the photo shows), `turned`,
    `frontal` [Q, S, S, 3] (the unseen photos that are turned most, and from the front); if it knows
    identities also `swapped` [P, S, S, 3] (each with the identity of the next one).
    """
    folder.mkdir(parents=True, exist_ok=True)
    unseen = manifest.split("test").faces
    first = unseen.drop_duplicates("identity_id").head(PEOPLE)
    true = _faces(first, photos, refiner.size_px)
    low, own = shrink(true, refiner.low_px), matrix(attributes, first)
    opposite = own[:, None] * (1 - 2 * np.eye(len(refiner.names), dtype=own.dtype))
    changed = np.stack([refiner.upscale(low, opposite[:, k]) for k in range(len(refiner.names))], axis=1)
    turned = _faces(
        unseen.sort_values(["yaw_ratio", "photo_id"], ascending=[False, True]).head(TURNED),
        photos,
        refiner.size_px,
    )
    arrays: dict[str, Any] = {
        "true": true,
        "low": low,
        "bicubic": enlarged(low, refiner.size_px),
        "refined": refiner.upscale(low, own),
        "changed": changed,
        "own": own.astype(np.float32),
        "names": np.array(refiner.names),
        "turned": turned,
        "frontal": refiner.frontal(turned),
    }
    if refiner.identity_dim:
        arrays["swapped"] = refiner.swap(low, np.roll(true, -1, axis=0))
    first[["identity_id", "photo_id"]].to_parquet(folder / "shown.parquet", index=False)
    np.savez_compressed(folder / "shown.npz", **arrays)


def _faces(table: pd.DataFrame, photos: FaceShards, size_px: int) -> np.ndarray:
    return shrink(photos.gather(table["shard"].to_numpy(), table["row"].to_numpy()), size_px)
