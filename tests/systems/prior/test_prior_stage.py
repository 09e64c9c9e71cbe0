"""`stages/prior.py` as the pipeline runs it: model, curves, figures and picture, trained or ready-made."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.systems.prior import grid, prior
from deepfacegen.training import store
from deepfacegen.training.pixels import from_pixels, to_pixels
from tests.shared.priors import tiny_prior

ROOT = Path(__file__).parents[3]
SMALL = {
    "architecture": "trained",
    "image_size_px": 32,
    "code_dim": 8,
    "channels": 8,
    "max_channels": 16,
    "steps": 25,
    "batch": 4,
    "adversary_from": 20,
}
FILES = {
    *(f"models/prior/{name}" for name in ("config.json", *(f"{part}.safetensors" for part in prior.PARTS))),
    *("metrics/prior.json", "metrics/plots/prior/curves.csv", "metrics/plots/prior/prior.png"),
}


def run(folder: Path, corpus: Path, params: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (folder / "params.yaml").write_text(yaml.safe_dump({"faces": {"size_px": 64}, "prior": params}))
    (folder / "dvc.yaml").touch()
    for name in ("audio", "faces", "manifest"):
        shutil.copytree(corpus / name, folder / "data" / name)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "DEEPFACEGEN_"))}
    environment = {**kept, "DEEPFACEGEN_DEVICE": "cpu", "DEEPFACEGEN_TRACKING": "off", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "stages/prior.py")]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def written(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if path.parts[0] in {"models", "metrics", ".cache"}}


def test_a_trained_prior_leaves_model_curves_figures_and_picture(corpus, tmp_path: Path) -> None:
    done = run(tmp_path, corpus.folder, SMALL)
    assert done.returncode == 0, done.stderr[-3000:]
    assert written(tmp_path) == FILES  # and no resume point
    found = prior.load(tmp_path / "models/prior")
    assert found.sizes == prior.Sizes(32, 8, 16, 8)
    described = store.read_config(tmp_path / "models/prior")
    assert described["trained_on"] == [f"id{k}" for k in range(6)]
    metrics = json.loads((tmp_path / "metrics/prior.json").read_text())
    assert set(metrics["parameters"]) == set(prior.PARTS)
    assert metrics["parameters"]["encoder"] == sum(p.numel() for p in found.encoder.parameters())
    with (tmp_path / "metrics/plots/prior/curves.csv").open() as handle:
        (row,) = csv.DictReader(handle)
    assert row["step"] == "25"
    assert float(row["pixel"]) == pytest.approx(metrics["losses"]["pixel"], abs=2e-6)
    assert metrics["effort"].keys() == {"steps"}
    assert metrics["effort"]["steps"] > 0
    # Four rows of the two validation people.
    assert np.asarray(Image.open(tmp_path / "metrics/plots/prior/prior.png")).shape == (134, 66, 3)


def test_the_ready_made_prior_names_no_person_of_the_data(corpus, tmp_path: Path) -> None:
    done = run(tmp_path, corpus.folder, {"architecture": "portraits"})
    assert done.returncode == 0, done.stderr[-3000:]
    assert written(tmp_path) == FILES
    found, packaged = prior.load(tmp_path / "models/prior"), prior.load(prior.PORTRAITS)
    assert found.sizes == packaged.sizes
    for name, part in found.parts.items():
        for key, value in packaged.parts[name].state_dict().items():
            assert torch.equal(part.state_dict()[key], value)
    assert store.read_config(tmp_path / "models/prior")["trained_on"] == []
    metrics = json.loads((tmp_path / "metrics/prior.json").read_text())
    assert metrics["losses"] == {}
    assert metrics["effort"] == {"steps": 0}


def test_the_picture_shows_real_faces_their_reconstructions_and_random_codes(corpus, tmp_path: Path) -> None:
    found = tiny_prior()
    grid.write(tmp_path, found, corpus.manifest, corpus.photos)
    sheet = np.asarray(Image.open(tmp_path / "prior.png"))
    cells = [[sheet[34 * r : 34 * r + 32, 34 * c : 34 * c + 32] for c in range(2)] for r in range(4)]
    people = corpus.manifest.split("val").faces.drop_duplicates("identity_id")
    real = from_pixels(torch.tensor(corpus.photos.rows(people)), 32)
    assert np.array_equal(np.stack(cells[0]), to_pixels(real))
    with torch.inference_mode():
        again = to_pixels(found.synthesis(found.encoder(real)[0]))
    assert np.abs(np.stack(cells[1]).astype(int) - again.astype(int)).max() <= 1
    random = [*cells[2], *cells[3]]
    assert len({cell.tobytes() for cell in random}) == 4
    grid.write(tmp_path / "again", found, corpus.manifest, corpus.photos)
    assert (tmp_path / "again/prior.png").read_bytes() == (tmp_path / "prior.png").read_bytes()


def test_without_validation_people_the_picture_shows_training_people(corpus, tmp_path: Path) -> None:
    tables = corpus.manifest
    kept = Manifest(*(t[t["split"] != "val"] for t in (tables.identities, tables.clips, tables.faces)))
    grid.write(tmp_path, tiny_prior(), kept, FaceShards(corpus.folder / "faces"))
    assert Image.open(tmp_path / "prior.png").size == (6 * 34 - 2, 4 * 34 - 2)
