"""Pictures of an evaluation of a refiner: unseen people's faces before and after, tables and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest.attributes import matrix
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.plots import ABOVE, CLUSTER, GAP, save
from deepfacegen.evaluation.refinement.measure import enlarged
from deepfacegen.systems.protocol import Refiner

PEOPLE, TURNED = 8, 6


def write(
    folder: Path, refiner: Refiner, manifest: Manifest, photos: FaceShards, attributes: pd.DataFrame
) -> None:
    """`shown.parquet` (identity_id, photo_id) and, row by row, `shown.npz`, all faces uint8, of the first
    unseen people.

    `low` [P, s, s, 3], `bicubic`, `refined`, `true` [P, S, S, 3], `changed` [P, K, S, S, 3] (one attribute
    turned into its opposite, in the order of `names`), `own` float32 [P, K] (the photo's attributes),
    `turned`, `frontal` [Q, S, S, 3] (the unseen photos that are turned most, and from the front); if it knows
    identities also `swapped` [P, S, S, 3] (each with the identity of the next one).
    """
    folder.mkdir(parents=True, exist_ok=True)
    unseen = manifest.split("test").faces
    first = unseen.drop_duplicates("identity_id").head(PEOPLE)
    by_yaw = unseen.sort_values(["yaw_ratio", "photo_id"], ascending=[False, True])
    real, turned = (shrink(photos.rows(rows), refiner.size_px) for rows in (first, by_yaw.head(TURNED)))
    low, own = shrink(real, refiner.low_px), matrix(attributes, first)
    opposite = own[:, None] * (1 - 2 * np.eye(len(refiner.names), dtype=own.dtype))
    changed = [refiner.upscale(low, opposite[:, k]) for k in range(len(refiner.names))]
    arrays: dict[str, Any] = {
        "true": real,
        "low": low,
        "bicubic": enlarged(low, refiner.size_px),
        "refined": refiner.upscale(low, own),
        "changed": np.stack(changed, axis=1),
        "own": own.astype(np.float32),
        "names": np.array(refiner.names),
        "turned": turned,
        "frontal": refiner.frontal(turned),
    }
    if refiner.identity_dim:
        arrays["swapped"] = refiner.swap(low, np.roll(real, -1, axis=0))
    first[["identity_id", "photo_id"]].to_parquet(folder / "shown.parquet", index=False)
    np.savez_compressed(folder / "shown.npz", **arrays)


def plot(folder: Path, metrics: dict[str, Any]) -> None:
    """Of `measure.measure`: refinement.csv (each measure, attributes given and guessed), and attributes.csv
    and attributes.png (the share of given attributes that refined faces have)."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"measure": name, "attributes": way, "bicubic": metrics[name]["bicubic"], **metrics[name][way]}
        for name in ("psnr_db", "ssim", "identity_cosine")
        for way in ("given", "guessed")
    ]
    pd.DataFrame(rows).to_csv(folder / "refinement.csv", index=False)
    shares = {
        given: {name: share for name, share in by_name.items() if "_ci95_" not in name}
        for given, by_name in metrics["attributes"].items()
    }
    all_first = pd.DataFrame(shares).sort_index(key=lambda names: names.where(names != "all", ""))
    all_first.rename_axis("attribute").to_csv(folder / "attributes.csv")
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    bars = (
        ("own", "#2f6f9f", "the person's own"),
        ("changed", "#b3541e", "another person's"),
        ("real_photos", "#8aa0b8", "photos, as the classifier sees them"),
    )
    places = np.arange(len(all_first))
    for k, (given, colour, label) in enumerate(bars):
        x, width = places + (k - 1) * CLUSTER / 3, CLUSTER / 3 - GAP
        axes.bar(x, all_first[given], width, color=colour, label=label)
    names = [str(name) for name in all_first.index]
    axes.set(xticks=range(len(names)), xticklabels=names, ylim=(0, 1), ylabel="have the attribute")
    axes.legend(**ABOVE)
    save(figure, folder / "attributes.png")
