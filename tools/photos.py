"""Train the conditional CycleGAN on a folder of photos, without voices, and measure it on people that it has
not met.

    python tools/photos.py FOLDER -S cyclegan.attributes_from=estimator -S cyclegan.attributes=male,over_50
    python tools/photos.py FOLDER --each -S cyclegan.attributes_from=folder -S
    cyclegan.attributes=male,over_50
 FOLDER holds a folder of photos for each person (as LFW does). With --each every photo is a person of its
 own, whatever its folder (as in UTKFace, whose folders tell age and gender). People are dealt at random:
 three in ten are test people, the rest are trained on. No identity is requested, as that needs a face
 network. All parameters are those of ./params.yaml with the changes of -S; nothing but figures (JSON) is
 kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from deepfacegen.config.schema import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.faces import photos as faces
from deepfacegen.data.shards import FaceShards
from deepfacegen.errors import UserError
from deepfacegen.evaluation import attribute_labels
from deepfacegen.evaluation.embedders.judge import Judge
from deepfacegen.evaluation.refinement.measure import measure
from deepfacegen.systems.cyclegan import refine as cyclegan
from deepfacegen.training.resume import Resume

sys.path.insert(0, str(Path(__file__).resolve().parent))
from folds import changed

TEST_SHARE = 0.3
ENDINGS = {".jpg", ".jpeg", ".png"}


def inventory(folder: Path, each: bool, most: int, seed: int) -> pd.DataFrame:
    """The photos of at most so many, whole people in random order, as the stage `download` lists them. Raises
    UserError when there are none."""
    paths = sorted(path.relative_to(folder) for path in folder.glob("*/*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise UserError(f"{folder}: holds no photos in folders ({', '.join(sorted(ENDINGS))})")
    table = pd.DataFrame(
        {
            "photo_id": [str(path.with_suffix("")) for path in paths],
            "path": [str(path) for path in paths],
            "kind": "photo",
        }
    )
    table["face_id"] = table["photo_id"] if each else [path.parent.name for path in paths]
    order = np.random.default_rng(seed).permutation(table["face_id"].unique())
    table = table.assign(
        turn=table["face_id"].map(dict(zip(order, range(len(order)), strict=True)))
    ).sort_values(["turn", "photo_id"])
    return table.head(most).sort_values(["face_id", "photo_id"], ignore_index=True).drop(columns="turn")


def manifest_of(found: pd.DataFrame, seed: int) -> Manifest:
    """Three in ten people are test people; training people are numbered, as batches need. There are no
    clips."""
    people = np.random.default_rng([seed, 1]).permutation(found["face_id"].unique())
    test = set(people[: round(TEST_SHARE * len(people))])
    split = np.where(found["face_id"].isin(test), "test", "train")
    table = found.assign(identity_id=found["face_id"], split=split, label=-1)
    training = table["split"] == "train"
    table.loc[training, "label"] = pd.factorize(table.loc[training, "identity_id"])[0]
    return Manifest(table.drop_duplicates("identity_id")[["identity_id", "split", "label"]], table[:0], table)


def measured(config: Config, folder: Path, each: bool, most: int, seed: int, scratch: Path) -> dict[str, Any]:
    """Detect, train and measure, as the stages do. Raises UserError as they do."""
    raw, cut, chosen = (
        scratch / "raw",
        scratch / "faces",
        dataclasses.replace(config.cyclegan, identity=False),
    )
    (raw / "faces").mkdir(parents=True)
    listed = inventory(folder, each, most, seed)
    listed.to_parquet(raw / "faces/inventory.parquet", index=False)
    faces.extract(config.faces, listed, folder, folder, cut)
    manifest, photos = manifest_of(pd.read_parquet(cut / "faces.parquet"), seed), FaceShards(cut)
    table = attribute_labels.table(chosen, manifest, photos, raw)
    trained = cyclegan.train(chosen, manifest, photos, table, Resume("photos", {}, [], scratch / "resume"))
    cyclegan.save(
        scratch / "cyclegan", chosen, trained, manifest.split("train").identities["identity_id"].tolist()
    )
    refiner, settings = cyclegan.load(scratch, torch.device("cpu")), config.evaluate
    judge = Judge.load(settings.judge)
    result = measure(
        refiner.upscale,
        refiner.low_px,
        refiner.size_px,
        manifest,
        photos,
        table,
        judge.embed,
        settings.bootstrap,
        settings.seed,
    )
    met = manifest.split("train")
    return {
        "trained_on": {"people": len(met.identities), "photos": len(met.faces)},
        "judge": settings.judge,
        **result,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Train the conditional CycleGAN on a folder of photos and measure it."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "-S", "--set", action="append", default=[], metavar="section.key=value", help="change a parameter"
    )
    parser.add_argument("--each", action="store_true", help="every photo is a person of its own")
    parser.add_argument("--most", type=int, default=3000, help="photos to use")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of photos and of test people")
    parser.add_argument("--out", type=Path, help="file for the figures (JSON); default: the standard output")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        config = changed(Path("params.yaml"), options.set)
        with tempfile.TemporaryDirectory() as scratch:
            result = measured(config, options.folder, options.each, options.most, options.seed, Path(scratch))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    text = json.dumps(result, indent=2) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
