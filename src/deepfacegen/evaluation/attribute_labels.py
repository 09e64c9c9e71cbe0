"""The table of attributes of all photos of a manifest, from the source `cyclegan.attributes_from`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.config.paths import located
from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.batches import Manifest
from deepfacegen.data.manifest import attributes
from deepfacegen.data.shards import FaceShards, batched
from deepfacegen.evaluation.embedders.estimator import Estimator

FACES_AT_ONCE = 256


def table(config: CycleganConfig, manifest: Manifest, photos: FaceShards, raw: Path) -> pd.DataFrame:
    """As in `data.manifest.attributes`. raw: the folder of the stage download. Raises UserError when the
    source does not know an attribute, ValueError for `auto`, which `attributes.resolved` replaces before.
    """
    faces, source = manifest.faces, config.attributes_from
    names, photo_ids = attributes.names_of(config.attributes), faces["photo_id"].tolist()
    if source == "truth":
        return attributes.from_truth(raw / "meta/truth.parquet", faces, names)
    if source == "listed":
        return attributes.from_listed(manifest.identities, faces, names)
    if source == "celeba":
        return attributes.from_celeba(located(str(config.attributes_file)), photo_ids, names)
    if source == "folder":
        inventory = pd.read_parquet(raw / "faces/inventory.parquet").drop_duplicates("photo_id")
        paths = inventory.set_index("photo_id")["path"].loc[photo_ids]
        return attributes.from_folders(paths.tolist(), photo_ids, names)
    if source != "estimator":
        raise ValueError(f"attributes_from: {source} is not resolved")
    estimator = Estimator.load()
    looks = [estimator.estimate(photos.rows(part)) for part in batched(faces, FACES_AT_ONCE)]
    male = np.concatenate([look.male for look in looks])
    age_years = np.concatenate([look.age_years for look in looks])
    return attributes.from_estimates(male, age_years, photo_ids, names)
