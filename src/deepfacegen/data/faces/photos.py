"""The faces stage: detect, gate, align, pack as uint8 shards with a table of faces and one of rejects."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data import extraction
from deepfacegen.data.faces import hints
from deepfacegen.data.faces.find import faces_of
from deepfacegen.data.faces.landmarks import Landmarks, run_batched
from deepfacegen.data.fanout.resume import Unit, UnitResult
from deepfacegen.data.fanout.tables import count_values
from deepfacegen.data.fanout.units import Units
from deepfacegen.data.shards import ArrayWriter, FaceShards, shard_path

FACE_COLUMNS = {
    "photo_id": "str",
    "face_id": "str",
    "shard": "int32",
    "row": "int32",
    "score": "float32",
    "box_height_px": "float32",
    "yaw_ratio": "float32",
    "sharpness": "float32",
}
SHEET_FACES, SHEET_COLUMNS, SHEET_PX = 96, 16, 64


def extract(
    config: FacesConfig,
    inventory: pd.DataFrame | Path,
    photos_root: Path,
    videos_root: Path,
    out: Path,
    resume: Path | None = None,
    landmarks: Landmarks | None = None,
) -> dict[str, Any]:
    """Fill `out` with shards, faces.parquet and rejects.parquet (docs/data-contract.md); returns the stage's
    metrics.

    `inventory` is that of faces, or its file. `landmarks` gives the points for alignment (a function of a
    module, for it goes to other processes), None: the detector. `resume` and errors as for
    `extraction.extract`.
    """
    roots = {"photo": photos_root.resolve(), "video": videos_root.resolve()}
    done = extraction.extract(
        functools.partial(_shard, config, roots, landmarks),
        Units(inventory, "photo_id", config.photos_per_shard, roots, "faces"),
        out,
        ("faces", FACE_COLUMNS),
        resume,
        f"{photos_root}: none of {{seen}} files gave a face",
    )
    people = count_values(out / "faces.parquet", "face_id")
    rates = {"pictures_per_second": done.rate("pictures")}
    return done.metrics(rates, faces=sum(people.values()), people=len(people))


def nothing(out: Path) -> dict[str, Any]:
    """What `extract` leaves of no file: tables without rows, no shard; the metrics."""
    tables = extraction.UnitTables("faces", FACE_COLUMNS).result(0).tables
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(out / f"{name}.parquet", index=False)
    return {"seen": 0, "kept": 0, "faces": 0, "people": 0, "rejected": {"all": 0}, "shards": 0}


def _shard(
    config: FacesConfig, roots: dict[str, Path], landmarks: Landmarks | None, unit: Unit, folder: Path
) -> UnitResult:
    """Write the shard of one slice of the inventory."""
    tables = extraction.UnitTables("faces", FACE_COLUMNS)
    files = list(unit.rows[["photo_id", "face_id", "path", "kind"]].itertuples(index=False, name=None))
    works = (
        faces_of(config, roots[kind] / path, kind, hint)
        for (_, _, path, kind), hint in zip(files, hints.of_rows(unit.rows), strict=True)
    )
    results = zip(files, run_batched(works, landmarks), strict=True)
    decoded = 0
    with ArrayWriter(shard_path(folder, unit.number), np.uint8, (config.size_px, config.size_px, 3)) as shard:
        for (photo_id, face_id, path, _), (found, reason, pictures) in results:
            decoded += pictures
            if tables.is_duplicate(photo_id, path):
                continue
            if not found:
                tables.reject(photo_id, path, reason)
                continue
            rows = []
            for name, face in found.items():
                measured = (face.score, face.box_height_px, face.yaw_ratio, face.sharpness)
                rows.append((photo_id + name, face_id, unit.number, shard.rows, *measured))
                shard.append(face.pixels[None])
            tables.keep(photo_id, rows)
    return tables.result(len(unit.rows), pictures=decoded)


def plot(folder: Path, plots: Path) -> None:
    """A contact sheet of kept faces, evenly over the table, and a bar of rejects by reason (PNG and CSV),
    from the stage's out."""
    from matplotlib.figure import Figure

    counts = extraction.write_reject_counts(folder, plots)
    table = pd.read_parquet(folder / "faces.parquet")
    chosen = table.iloc[np.unique(np.linspace(0, len(table) - 1, SHEET_FACES).round().astype(int))]
    rows = -(-len(chosen) // SHEET_COLUMNS)
    sheet = np.full((rows, SHEET_COLUMNS, SHEET_PX, SHEET_PX, 3), 255, dtype=np.uint8)
    for place, face in enumerate(FaceShards(folder).rows(chosen)):
        small = cv2.resize(face, (SHEET_PX, SHEET_PX), interpolation=cv2.INTER_AREA)
        sheet[divmod(place, SHEET_COLUMNS)] = small
    whole = sheet.transpose(0, 2, 1, 3, 4).reshape(rows * SHEET_PX, SHEET_COLUMNS * SHEET_PX, 3)
    Image.fromarray(whole).save(plots / "faces.png")

    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(counts.index.to_numpy(dtype=object), counts.to_numpy(), color="tab:gray")
    axes.bar_label(bars, padding=3)
    axes.set(xlabel="files", title=f"{len(table)} faces kept, {counts.sum()} files rejected")
    figure.savefig(plots / "rejects.png", dpi=100, metadata={"Software": None})
