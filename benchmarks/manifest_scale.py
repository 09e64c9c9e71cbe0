"""The manifest at the size of VoxCeleb2 with VGGFace2, on a made-up index: seconds, memory, DVC's time for
the outputs, and the speed of listing.

    python benchmarks/manifest_scale.py            writes benchmarks/results/manifest_scale.json

No recordings or photos are needed: the tables that the stages before leave are made up, ids and columns like
theirs. Listing is measured on empty files in VoxCeleb2's layout, all of them with --listed 1090000 (a few
minutes and as many inodes). Each part runs in a process of its own, whose peak memory is measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd
from machine import machine

from deepfacegen.config.schema import SplitConfig, from_dict
from deepfacegen.data.manifest import build
from deepfacegen.data.sources import prepare

OUT = Path(__file__).with_name("results") / "manifest_scale.json"
TARGETS = {"manifest_seconds": 180, "manifest_peak_gib": 4}
CLIPS_PER_VIDEO = 8


def made_up(root: Path, identities: int, clips: int, faces: int) -> None:
    """What the stages download, audio and faces leave, with `identities` people, `clips` and `faces`."""
    numbers = np.arange(identities)
    voice_ids, face_ids = (
        [f"{letter}{number:0{width}d}" for number in numbers] for letter, width in (("id", 5), ("n", 6))
    )
    people = pd.DataFrame({"identity_id": voice_ids, "voice_id": voice_ids, "face_id": face_ids}, dtype="str")
    people["gender"] = pd.Series(np.array(["f", "m", None], dtype=object)[numbers % 20 // 9 % 3], dtype="str")
    people["age_years"], people["nationality"] = np.nan, pd.Series([None] * identities, dtype="str")
    for folder in ("raw/meta", "audio", "faces"):
        (root / folder).mkdir(parents=True)
    people.to_parquet(root / "raw/meta/identities.parquet", index=False)
    owner = np.sort(np.arange(clips) % identities)
    place = np.arange(clips) - np.searchsorted(owner, owner)
    video = [
        f"{letter:x}"
        for letter in (owner.astype(np.uint64) << np.uint64(20))
        + (place // CLIPS_PER_VIDEO).astype(np.uint64)
        + np.uint64(1 << 40)
    ]
    table = pd.DataFrame(
        {"voice_id": np.array(voice_ids, dtype=object)[owner], "video_id": video}, dtype="str"
    )
    table.insert(
        0,
        "clip_id",
        table["voice_id"]
        + "/"
        + table["video_id"]
        + "/"
        + pd.Series([f"{n:05d}" for n in place % CLIPS_PER_VIDEO], dtype="str"),
    )
    rows = np.arange(clips)
    table = table.assign(
        shard=(rows // 4000).astype("int32"),
        offset_samples=rows % 4000 * 120_000,
        length_samples=np.int64(120_000),
    )
    table.to_parquet(root / "audio/clips.parquet", index=False)
    owner = np.sort(np.arange(faces) % identities)
    place = np.arange(faces) - np.searchsorted(owner, owner)
    face_id = pd.Series(np.array(face_ids, dtype=object)[owner], dtype="str")
    photo_id = face_id + "/" + pd.Series([f"{n:04d}_01" for n in place], dtype="str")
    rows = np.arange(faces)
    seen = np.random.default_rng(0).random((faces, 4)).astype(np.float32)
    table = pd.DataFrame(
        {
            "photo_id": photo_id,
            "face_id": face_id,
            "shard": (rows // 4000).astype("int32"),
            "row": (rows % 4000).astype("int32"),
        }
    )
    for name, values in zip(("score", "box_height_px", "yaw_ratio", "sharpness"), seen.T, strict=True):
        table[name] = values
    table.to_parquet(root / "faces/faces.parquet", index=False)


def layout(root: Path, files: int) -> None:
    """Empty files in VoxCeleb2's and VGGFace2's layouts, and the table that joins them."""
    people = max(1, files // 180)
    lines = ["VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set "] + [
        f"id{k:05d} ,n{k:06d} ,m ,dev " for k in range(people)
    ]
    (root / "meta.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for k in range(people):
        (root / f"faces/train/n{k:06d}").mkdir(parents=True)
        (root / f"faces/train/n{k:06d}/0001_01.jpg").touch()
        for video in range(0, files // people, CLIPS_PER_VIDEO):
            folder = f"{root}/voices/dev/aac/id{k:05d}/{video:011d}"
            os.makedirs(folder)
            for clip in range(min(CLIPS_PER_VIDEO, files // people - video)):
                os.close(os.open(f"{folder}/{clip:05d}.m4a", os.O_CREAT | os.O_WRONLY))


def listed(root: Path, sizes: bool) -> None:
    data = {
        "source": "voxceleb2",
        "voices_root": f"{root}/voices",
        "faces_root": f"{root}/faces",
        "metadata": f"{root}/meta.csv",
        "file_sizes": sizes,
    }
    prepare.prepare(from_dict({"data": data}), root / "raw")


def joined(root: Path) -> None:
    build.build(SplitConfig(), root / "raw", root / "audio", root / "faces", root / "manifest")
    build.plot(root / "manifest", root / "plots")


def measured(work: Callable[..., None], *arguments: Any) -> dict[str, float]:
    """Seconds and peak memory of `work` in a process of its own."""
    context = multiprocessing.get_context("spawn")
    back = context.SimpleQueue()
    process = context.Process(target=_timed, args=(work, arguments, back))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    measurements: dict[str, float] = back.get()
    sys.stdout.write(f"{work.__name__}: {measurements}\n")
    return measurements


def _timed(work: Callable[..., None], arguments: tuple[Any, ...], back: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, used = perf_counter(), process_time()
    work(*arguments)
    peak, kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 2.0**20
    seconds, cpu = round(perf_counter() - began, 1), round(process_time() - used, 1)
    back.put(
        {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "peak_gib": round(peak / kib, 2),
            "peak_gib_before": round(before / kib, 2),
        }
    )


def dvc(root: Path) -> dict[str, Any]:
    """Seconds of `dvc add` and of `dvc status` for the manifest and the tables it is made from."""
    measurements: dict[str, Any] = {
        "files": sum(1 for path in root.rglob("*.parquet")),
        "bytes": sum(path.stat().st_size for path in root.rglob("*.parquet")),
    }
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    folders = [name for name in ("raw", "audio", "faces", "manifest") if (root / name).is_dir()]
    for name, words in (("init", ["init", "--no-scm"]), ("add", ["add", *folders]), ("status", ["status"])):
        began = perf_counter()
        subprocess.run(
            [sys.executable, "-m", "dvc", *words], cwd=root, env=environment, check=True, capture_output=True
        )
        measurements[f"{name}_seconds"] = round(perf_counter() - began, 1)
    sys.stdout.write(f"dvc: {measurements}\n")
    return measurements


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the manifest at full size.")
    parser.add_argument("--identities", type=int, default=6000, metavar="N")
    parser.add_argument("--clips", type=int, default=1_090_000, metavar="N")
    parser.add_argument("--faces", type=int, default=3_300_000, metavar="N")
    parser.add_argument(
        "--listed", type=int, default=180_000, metavar="N", help="files to list (default: 180000)"
    )
    arguments = parser.parse_args()
    load = round(os.getloadavg()[0], 2)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        measured(made_up, root, arguments.identities, arguments.clips, arguments.faces)
        results["manifest"] = measured(joined, root)
        results["dvc"] = dvc(root)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        measured(layout, root, arguments.listed)
        for key, sizes in (("with_sizes", True), ("without_sizes", False)):
            measurements = measured(listed, root, sizes)
            results[f"listing_{key}"] = {
                **measurements,
                "files": arguments.listed,
                "files_per_second": round(arguments.listed / max(measurements["seconds"], 0.1)),
            }
    here = machine(load=load)
    size = {key: getattr(arguments, key) for key in ("identities", "clips", "faces")}
    measurements = {
        "command": "python benchmarks/manifest_scale.py",
        "machine": here,
        "size": size,
        "targets": TARGETS,
        "results": results,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(measurements, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
