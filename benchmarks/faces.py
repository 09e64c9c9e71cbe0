"""Speed of the faces stage, beside a bare loop of detection on all cores, and its memory by the number of
files.

    python benchmarks/faces.py [--raw data/raw] [--photos 3000]           writes benchmarks/results/faces.json

Run where `dvc repro download` has been. `bare` reads a photo and runs the detector, in as many processes as
there are cores, and nothing else; the stage reads, detects, chooses, aligns, measures and stores. They are
measured by turns; the result is the median.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from bare_faces import bare
from stage_bench import beside, elsewhere, links, measured, peak_mb, run

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.faces import photos as faces
from deepfacegen.data.fanout.schedule import map_shards

SHARD = 300
TURNS = 9
COLUMNS = ("photo_id", "face_id", "video_id")


def speeds(raw: Path, count: int) -> dict[str, Any]:
    root = raw / "faces"
    inventory = pd.read_parquet(root / "inventory.parquet")
    photos = [
        root / path
        for path, kind in zip(inventory["path"], inventory["kind"], strict=True)
        if kind == "photo"
    ]
    good = [path for path in photos if cv2.imread(str(path)) is not None]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "faces")
        table = links(good, folder, count, COLUMNS, "photo")
        paths = [folder / path for path in table["path"]]
        few = SHARD * (os.cpu_count() or 1)  # a shard for every worker
        config = FacesConfig(photos_per_shard=SHARD)

        def detect_all(number: int) -> None:
            parts = [paths[begin : begin + SHARD] for begin in range(0, number, SHARD)]
            map_shards(bare, parts, [len(part) for part in parts], "bare")

        def extract_all(number: int) -> None:
            with tempfile.TemporaryDirectory(dir=name) as out:
                faces.extract(config, table.head(number), folder, folder, Path(out))

        # By turns, for a machine's speed changes from one minute to the next, and the middle of the turns.
        turns = [
            {"bare": measured(detect_all, few, count), "stage": measured(extract_all, few, count)}
            for _ in range(TURNS)
        ]
    ratios = [beside(turn, "stage", "bare") for turn in turns]
    return {
        "photos": count,
        "cores": os.cpu_count(),
        "turns": TURNS,
        "rates": {
            what: {key: statistics.median(turn[what][key] for turn in turns) for key in turns[0][what]}
            for what in turns[0]
        },
        "stage_of_bare": {key: statistics.median(ratio[key] for ratio in ratios) for key in ratios[0]},
        "stage_of_bare_by_turn": {key: [ratio[key] for ratio in ratios] for key in ratios[0]},
        "target_stage_of_bare": 0.9,
    }


def memory_of(count: int, scratch: Path) -> dict[str, float]:
    """Peak memory of the stage over so many small photos."""
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        sources, inventory = sorted(scratch.glob("*.jpg")), Path(name, "inventory.parquet")
        elsewhere(
            lambda: links(sources, Path(name, "faces"), count, COLUMNS, "photo").to_parquet(
                inventory, index=False
            )
        )
        config = FacesConfig(photos_per_shard=250, min_face_px=16, size_px=32)
        return peak_mb(
            lambda: faces.extract(
                config, inventory, Path(name, "faces"), Path(name, "faces"), Path(name, "out")
            )
        )


def keep_inputs(raw: Path, scratch: Path) -> None:
    """What `memory_of` makes its photos from: four of 96 px."""
    inventory = pd.read_parquet(raw / "faces/inventory.parquet")
    pictures = [cv2.imread(str(raw / "faces" / path)) for path in inventory["path"][:40]]
    for number, picture in enumerate([p for p in pictures if isinstance(p, np.ndarray)][:4]):
        small = cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(scratch / f"{number}.jpg"), small)


if __name__ == "__main__":
    sys.exit(run("faces", ("photos", 3000), speeds, keep_inputs, memory_of))
