"""The whole evaluation of a refiner: figures and pictures come out, and a refiner that met the unseen people
or the judge is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.systems import CycleganConfig
from deepfacegen.errors import UserError
from deepfacegen.evaluation.context import Folders
from deepfacegen.evaluation.refinement.measure import enlarged
from deepfacegen.evaluation.refinement.refiner_run import evaluate

PARTS = ("face", "cyclegan")


class Bicubic:
    """Interpolates, whatever is asked; swaps by handing the other face back; turns nothing."""

    params = CycleganConfig(size_px=64, scale=4, attributes="male,dark_skin", attributes_from="truth")
    identity_dim, low_px, size_px = 2, 16, 64

    def __init__(self) -> None:
        self.names = ["male", "dark_skin"]

    def guess(self, faces: np.ndarray) -> np.ndarray:
        return np.ones((len(faces), 2), np.float32)

    def upscale(
        self, faces_low: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        return enlarged(faces_low, self.size_px)

    def swap(
        self, faces_low: np.ndarray, identity: np.ndarray, attributes: np.ndarray | None = None
    ) -> np.ndarray:
        return identity

    def frontal(
        self, faces: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        return faces


@pytest.fixture
def folders(world, tmp_path: Path) -> Folders:
    """A copy of the world's data in which everybody has three photos, the third the first one again, each
    turned more than the last."""
    shutil.copytree(world.root / "data/manifest", tmp_path / "manifest")
    faces = pd.read_parquet(tmp_path / "manifest/faces.parquet")
    third = faces.drop_duplicates("identity_id").assign(photo_id=lambda table: table["identity_id"] + "/0009")
    faces = pd.concat([faces, third]).sort_values(["identity_id", "photo_id"], ignore_index=True)
    faces.assign(yaw_ratio=np.linspace(0, 0.5, len(faces))).to_parquet(
        tmp_path / "manifest/faces.parquet", index=False
    )
    tell(tmp_path / "models", "cyclegan", trained_on=["id99999"])
    return Folders(
        out=tmp_path / "out",
        plots=tmp_path / "plots",
        manifest=tmp_path / "manifest",
        models=tmp_path / "models",
    )


def tell(models: Path, name: str, **found: list[str]) -> None:
    (models / name).mkdir(parents=True, exist_ok=True)
    (models / name / "config.json").write_text(
        json.dumps({"trained_on": [], "chosen_on": [], "trained_with": [], **found}), encoding="utf-8"
    )


def test_figures_and_pictures(world, folders: Folders) -> None:
    metrics = evaluate(Bicubic(), world.config, folders, PARTS)
    json.dumps(metrics, allow_nan=False)
    found = metrics["refinement"]
    assert (metrics["judge"], found["faces"], found["identities"], found["scale"]) == ("sface", 30, 10, 4)
    assert found["psnr_db"]["given"]["gain"] == 0
    assert found["swap"]["identity_cosine"] == pytest.approx(1)
    assert {path.name for path in folders.plots.iterdir()} == {
        "refinement.csv",
        "attributes.csv",
        "attributes.png",
    }
    table = pd.read_csv(folders.plots / "refinement.csv").set_index(["measure", "attributes"])
    assert table.loc[("psnr_db", "guessed"), ["bicubic", "refined"]].tolist() == pytest.approx(
        [found["psnr_db"]["bicubic"]] * 2
    )
    shown_of = pd.read_csv(folders.plots / "attributes.csv").set_index("attribute")
    assert shown_of.index.tolist() == ["all", "dark_skin", "male"]
    assert shown_of["real_photos"].to_dict() == pytest.approx(
        {name: found["attributes"]["real_photos"][name] for name in shown_of.index}
    )
    manifest = pd.read_parquet(folders.manifest / "faces.parquet")
    unseen = manifest[manifest["split"] == "test"]
    with np.load(folders.out / "shown.npz", allow_pickle=False) as shown:
        arrays: dict[str, Any] = dict(shown)
    people = pd.read_parquet(folders.out / "shown.parquet")
    assert people["identity_id"].tolist() == unseen["identity_id"].drop_duplicates().head(8).tolist()
    assert arrays["low"].shape == (8, 16, 16, 3)
    np.testing.assert_array_equal(arrays["refined"], arrays["bicubic"])
    assert arrays["changed"].shape == (8, 2, 64, 64, 3)
    assert set(np.unique(arrays["own"])) <= {-1.0, 1.0}
    assert arrays["names"].tolist() == Bicubic().names
    np.testing.assert_array_equal(arrays["swapped"][0], arrays["true"][1])
    # The most turned ones are the last of the unseen, for so the table was made.
    last = np.load(world.root / "data/faces/shard-00000.npy")[unseen["row"].iloc[-1]]
    np.testing.assert_allclose(arrays["turned"][0], last.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3)), atol=0.5)


def test_whoever_met_the_unseen_or_the_judge_is_refused(world, folders: Folders) -> None:
    tell(folders.models, "face", trained_with=["sface"])
    with pytest.raises(UserError, match=r"face/config\.json: trained with sface"):
        evaluate(Bicubic(), world.config, folders, PARTS)
    tell(
        folders.models,
        "face",
        trained_on=[str(pd.read_parquet(folders.manifest / "identities.parquet")["identity_id"].iloc[0])],
    )
    with pytest.raises(UserError, match="trained on 1 of the test identities"):
        evaluate(Bicubic(), world.config, folders, PARTS)


def test_without_identities_nobody_is_swapped(world, folders: Folders) -> None:
    refiner = Bicubic()
    refiner.identity_dim = 0
    config = dataclasses.replace(
        world.config, evaluate=dataclasses.replace(world.config.evaluate, bootstrap=100)
    )
    assert "swap" not in evaluate(refiner, config, folders, PARTS)["refinement"]
    with np.load(folders.out / "shown.npz", allow_pickle=False) as shown:
        assert "swapped" not in shown
