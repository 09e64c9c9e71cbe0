"""Speed and memory of the manifest stage at the size of VoxCeleb2 and VGGFace2: made-up tables, joined and split.

python benchmarks/manifest.py [--clips 1092009] [--faces 3300000]           writes benchmarks/results/manifest.json
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from stage_bench import write

from deepfacegen.config import SplitConfig
from deepfacegen.data import audio, faces, manifest, sources

PEOPLE = 5994


def made_up(folder: Path, clips: int, photos: int) -> None:
    """Tables as the stages before would write them, with everybody's rows in order."""
    for name in ("meta", "audio", "faces"):
        (folder / name).mkdir()
    voice = np.array([f"id{number:05d}" for number in range(PEOPLE)])
    face = np.array([f"n{number:06d}" for number in range(PEOPLE)])
    people = pd.DataFrame({"identity_id": voice, "voice_id": voice, "face_id": face, "gender": np.where(np.arange(PEOPLE) % 2, "f", "m")})
    people["age_years"], people["nationality"] = np.nan, None
    people.astype(sources.IDENTITY_COLUMNS).to_parquet(folder / "meta/identities.parquet", index=False)
    speaks = voice[np.sort(np.arange(clips) % PEOPLE)]
    table = pd.DataFrame({"voice_id": speaks, "video_id": "v", "shard": 0, "offset_samples": 0, "length_samples": 100_000})
    table["clip_id"] = table["voice_id"] + [f"/v/{number:07d}" for number in range(clips)]
    table[list(audio.CLIP_COLUMNS)].astype(audio.CLIP_COLUMNS).to_parquet(folder / "audio/clips.parquet", index=False)
    seen = face[np.sort(np.arange(photos) % PEOPLE)]
    table = pd.DataFrame({"face_id": seen, **{name: 0 for name in faces.FACE_COLUMNS if name not in ("photo_id", "face_id")}})
    table["photo_id"] = table["face_id"] + [f"/{number:07d}" for number in range(photos)]
    table[list(faces.FACE_COLUMNS)].astype(faces.FACE_COLUMNS).to_parquet(folder / "faces/faces.parquet", index=False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the manifest stage.")
    parser.add_argument("--clips", type=int, default=1_092_009, metavar="N")
    parser.add_argument("--faces", type=int, default=3_300_000, metavar="N")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = os.fork()
        if not child:  # what it takes to make the tables is not the stage's
            made_up(folder, options.clips, options.faces)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SystemExit(1)
        began, used = time.perf_counter(), time.process_time()
        manifest.build(SplitConfig(), folder, folder / "audio", folder / "faces", folder / "out")
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
        size = sum(path.stat().st_size for path in (folder / "out").iterdir())
    results = {
        "clips": options.clips,
        "faces": options.faces,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "rows_per_second": round((options.clips + options.faces) / cpu),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "out_mb": round(size / 2**20, 1),
    }
    write("manifest", "python benchmarks/manifest.py", results, load)


if __name__ == "__main__":
    main()
