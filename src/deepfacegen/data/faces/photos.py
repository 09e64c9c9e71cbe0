"""The faces stage: detect, gate, align, pack as uint8 shards with a table of faces and one of rejects."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces import hints
from deepfacegen.data.faces.find import faces_of
from deepfacegen.data.faces.landmarks import Landmarks, run_batched
from deepfacegen.data.fanout.resume import Unit, UnitResult
from deepfacegen.data.fanout.tables import count_rows, count_values
from deepfacegen.data.fanout.units import Units, effort, make_shards, total_counts
from deepfacegen.data.shards import ArrayWriter, FaceShards, shard_path
from deepfacegen.errors import UserError

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
REJECT_COLUMNS = {"photo_id": "str", "path": "str", "reason": "str"}
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
    """Fill `out` with shards, faces.parquet and rejects.parquet (docs/architecture.md); returns the stage's
    metrics.

    `inventory` is that of faces, or its file. Finished shards are kept in `resume`, if given, for a run that
    goes on. `landmarks` gives the points for alignment (a function of a module, for it goes to other
    processes), None: the detector. Raises UserError when nothing at all is kept, or a shard fails again and
    again.
    """
    began = time.perf_counter()
    roots = {"photo": photos_root.resolve(), "video": videos_root.resolve()}
    units = Units(inventory, "photo_id", config.photos_per_shard, roots, "faces")
    tables = {"faces": FACE_COLUMNS, "rejects": REJECT_COLUMNS}
    receipts = make_shards(units, functools.partial(_shard, config, roots, landmarks), out, tables, resume)
    seen, reasons, counts = (
        count_rows(inventory),
        count_values(out / "rejects.parquet", "reason"),
        total_counts(receipts),
    )
    assert counts.get("kept", 0) + sum(reasons.values()) == seen, "a file is neither kept nor rejected"
    people = count_values(out / "faces.parquet", "face_id")
    if not people:
        raise UserError(
            f"{photos_root}: none of {seen} files gave a face ({reasons}); see {out / 'rejects.parquet'}"
        )
    seconds, now = (
        time.perf_counter() - began,
        total_counts(receipt for receipt in receipts if receipt.done_now),
    )
    return {
        "seen": seen,
        "kept": counts["kept"],
        "faces": sum(people.values()),
        "rejected": {"all": sum(reasons.values()), **reasons},
        "people": len(people),
        "shards": len(receipts),
        "effort": {
            **effort(receipts, seconds),
            "pictures_per_second": round(now.get("pictures", 0) / seconds, 1),
        },
    }


def _shard(
    config: FacesConfig, roots: dict[str, Path], landmarks: Landmarks | None, unit: Unit, folder: Path
) -> UnitResult:
    """Write the shard of one slice of the inventory."""
    faces: list[tuple] = []
    rejects: list[tuple] = []
    seen = 0
    last = ""
    files = list(unit.rows[["photo_id", "face_id", "path", "kind"]].itertuples(index=False, name=None))
    works = (
        faces_of(config, roots[kind] / path, kind, hint)
        for (_, _, path, kind), hint in zip(files, hints.of_rows(unit.rows), strict=True)
    )
    with ArrayWriter(shard_path(folder, unit.number), np.uint8, (config.size_px, config.size_px, 3)) as shard:
        for (photo_id, face_id, path, _), (found, reason, pictures) in zip(
            files, run_batched(works, landmarks), strict=True
        ):
            seen += pictures
            if photo_id == last:
                rejects.append((photo_id, path, "duplicate"))
                continue
            if not found:
                rejects.append((photo_id, path, reason))
                continue
            last = photo_id
            for name, face in found.items():
                described = (face.score, face.box_height_px, face.yaw_ratio, face.sharpness)
                faces.append((photo_id + name, face_id, unit.number, shard.rows, *described))
                shard.append(face.pixels[None])
    tables = {
        "faces": pd.DataFrame(faces, columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS),
        "rejects": pd.DataFrame(rejects, columns=list(REJECT_COLUMNS)).astype(REJECT_COLUMNS),
    }
    return UnitResult(tables, {"kept": len(unit.rows) - len(rejects), "pictures": seen})


def plot(folder: Path, plots: Path) -> None:
    """A contact sheet of kept faces, evenly over the table, and a bar of rejects by reason (PNG and CSV),
    from the stage's out."""
    from matplotlib.figure import Figure

    plots.mkdir(parents=True, exist_ok=True)
    table, rejects = (pd.read_parquet(folder / f"{name}.parquet") for name in ("faces", "rejects"))
    chosen = table.iloc[np.unique(np.linspace(0, len(table) - 1, SHEET_FACES).round().astype(int))]
    faces = FaceShards(folder).gather(chosen["shard"].to_numpy(), chosen["row"].to_numpy())
    rows = -(-len(faces) // SHEET_COLUMNS)
    sheet = np.full((rows, SHEET_COLUMNS, SHEET_PX, SHEET_PX, 3), 255, dtype=np.uint8)
    for place, face in enumerate(faces):
        sheet[divmod(place, SHEET_COLUMNS)] = cv2.resize(
            face, (SHEET_PX, SHEET_PX), interpolation=cv2.INTER_AREA
        )
    Image.fromarray(
        sheet.transpose(0, 2, 1, 3, 4).reshape(rows * SHEET_PX, SHEET_COLUMNS * SHEET_PX, 3)
    ).save(plots / "faces.png")

    counts = rejects["reason"].value_counts().sort_index()
    counts.rename_axis("reason").rename("files").to_csv(plots / "rejects.csv")
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(counts.index.to_numpy(dtype=object), counts.to_numpy(), color="tab:gray")
    axes.bar_label(bars, padding=3)
    axes.set(xlabel="files", title=f"{len(table)} faces kept, {len(rejects)} files rejected")
    figure.savefig(plots / "rejects.png", dpi=100, metadata={"Software": None})
