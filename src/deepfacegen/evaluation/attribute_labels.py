"""The table of attributes of all photos of a manifest, from whatever `cyclegan.attributes_from` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.config.paths import located
from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest import attributes
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.embedders.estimator import Apparent, Estimator

CHUNK = 256


def table(config: CycleganConfig, manifest: Manifest, photos: FaceShards, raw: Path) -> pd.DataFrame:
    """As in `data.manifest.attributes`. raw: the folder of the stage download. Raises UserError when the
    source does not know an attribute, ValueError for `auto`, which `attributes.resolved` replaces before.
    """
    faces, names = manifest.faces, attributes.names_of(config.attributes)
    if config.attributes_from == "truth":
        return attributes.from_truth(raw / "meta/truth.parquet", faces, names)
    if config.attributes_from == "listed":
        return attributes.from_listed(manifest.identities, faces, names)
    if config.attributes_from == "celeba":
        return attributes.from_celeba(located(str(config.attributes_file)), faces["photo_id"].tolist(), names)
    if config.attributes_from == "folder":
        paths = (
            pd.read_parquet(raw / "faces/inventory.parquet")
            .drop_duplicates("photo_id")
            .set_index("photo_id")["path"]
        )
        return attributes.from_folders(
            paths.loc[faces["photo_id"]].tolist(), faces["photo_id"].tolist(), names
        )
    if config.attributes_from != "estimator":
        raise ValueError(f"attributes_from: {config.attributes_from} is not resolved")
    looks = _looks(faces, photos)
    return attributes.from_estimates(looks.male, looks.age_years, faces["photo_id"].tolist(), names)


def _looks(faces: pd.DataFrame, photos: FaceShards) -> Apparent:
    estimator, shard, row = Estimator.load(), faces["shard"].to_numpy(), faces["row"].to_numpy()
    parts = [
        estimator.estimate(photos.gather(shard[i : i + CHUNK], row[i : i + CHUNK]))
        for i in range(0, len(faces), CHUNK)
    ]
    return Apparent(
        np.concatenate([part.male for part in parts]), np.concatenate([part.age_years for part in parts])
    )
