"""Damaged files through the stages' own code: recordings, films and photos through audio and faces, tables
through download and manifest's splits.

python tools/fuzz.py [--files 500] [--seed 0]       prints counts as JSON; exit status 1 if any file is lost

Good sample files are copied and damaged at random, the same way for the same seed. What must hold: nothing
crashes or hangs, every file is kept or rejected with a reason, and a table is read or refused by one line
that names it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config.schema import Config, SampleConfig, SplitConfig, from_dict
from deepfacegen.data.audio import clips
from deepfacegen.data.faces import photos
from deepfacegen.data.manifest.splits import assign
from deepfacegen.data.sources import prepare
from deepfacegen.errors import UserError
from deepfacegen.synthetic.write import write_sample

SHARES = {".jpg": 0.4, ".m4a": 0.25, ".mp4": 0.15, ".csv": 0.1, ".txt": 0.1}
SAMPLE = SampleConfig(
    identities=12, clips_per_identity=1, photos_per_identity=2, clip_seconds=2.0, video_share=0.34
)


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one to four kinds of damage."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        size = len(found)
        at, length = int(rng.integers(0, size + 1)), int(rng.integers(1, 1 + max(1, size // 4)))
        match int(rng.integers(8)):
            case 0:
                del found[at:]
            case 1:
                del found[at : at + length]
            case 2:
                found[at : at + length] = bytes(len(found[at : at + length]))
            case 3:
                found[at:at] = rng.bytes(int(rng.integers(1, 200)))
            case 4:
                found[at:at] = found[at : at + length]
            case 5:  # sizes and counts that promise too much
                found[at : at + 4] = (
                    b"\xff\xff\xff\xff",
                    b"\x7f\xff\xff\xff",
                    b"\x80\x00\x00\x00",
                    b"\x00\x00\x00\x00",
                )[int(rng.integers(4))]
            case 6:
                _scatter(found, size, int(rng.integers(1, 30)), rng)
            case _:  # in the head, where the structure is
                _scatter(found, min(size, 120), int(rng.integers(1, 12)), rng)
    return bytes(found)


def _scatter(found: bytearray, size: int, count: int, rng: np.random.Generator) -> None:
    """`count` bytes of the first `size` replaced."""
    for place in rng.integers(0, size, size=count) if size else ():
        found[place] = int(rng.integers(256))


def plant(root: Path, count: int, rng: np.random.Generator) -> Counter[str]:
    """Damaged copies beside the good files of the sample people below `root`."""
    planted: Counter[str] = Counter()
    good = {
        suffix: sorted((root / folder).rglob(f"*{suffix}"))
        for suffix, folder in ((".m4a", "voices"), (".mp4", "voices"), (".jpg", "faces"))
    }
    for number in range(count):
        suffix = str(rng.choice([".jpg", ".m4a", ".mp4"], p=_shares(".jpg", ".m4a", ".mp4")))
        source = good[suffix][int(rng.integers(len(good[suffix])))]
        if rng.random() < 0.05:  # something else under this name
            source = good[".jpg"][0] if suffix != ".jpg" else good[".m4a"][0]
        own = good[suffix][0].parents[0 if suffix == ".jpg" else 1]
        target = (
            own / f"fuzz_{number:04d}{suffix}"
            if suffix == ".jpg"
            else own / f"fuzz{number:07d}" / f"00001{suffix}"
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(damaged(source.read_bytes(), rng))
        planted[suffix] += 1
    return planted


def tables(root: Path, work: Path, count: int, rng: np.random.Generator) -> Counter[str]:
    """Damaged metadata through download, damaged lists of splits and of who is the same through their
    readers."""
    counts: Counter[str] = Counter()
    people = pd.read_parquet(root / "meta/identities.parquet")
    split = "".join(
        f"{name} {code}\n"
        for name, code in zip(people["identity_id"], np.resize([1, 1, 2, 2, 4, 4], len(people)), strict=True)
    )
    same = "VGGFace2 VGGFace1\n" + "".join(
        f"{name} Sample_Person_{k}\n" for k, name in enumerate(people["face_id"])
    )
    enrichment = "VoxCeleb_ID,speaker_age,gender\n" + "".join(
        f"{name},{20 + k},male\n" for k, name in enumerate(people["voice_id"])
    )
    csvs = {"metadata": (root / "meta/vox2_meta.csv").read_bytes(), "enrichment": enrichment.encode()}
    txts = {"same_people": same.encode(), "split": split.encode()}
    for number in range(count):
        which = (csvs, txts)[number % 2]
        name = list(which)[number // 2 % 2]
        path = work / f"{number}.{('csv', 'txt')[number % 2]}"
        path.write_bytes(damaged(which[name], rng))
        try:
            if name == "split":
                assign(people, SplitConfig(rule="file", file=str(path)))
            else:
                given = {
                    "source": "voxceleb2",
                    "voices_root": str(root / "voices"),
                    "faces_root": str(root / "faces"),
                }
                given |= {"metadata": str(root / "meta/vox2_meta.csv")} | {name: str(path)}
                prepare.prepare(from_dict({"data": given}), work / "raw")
            counts["tables_read"] += 1
        except UserError as error:
            counts["tables_refused" if "\n" not in str(error) else "refused_in_several_lines"] += 1
    assert not counts["refused_in_several_lines"], counts
    return counts


def run(files: int, seed: int, folder: Path) -> dict[str, Any]:
    """Counts of what became of `files` damaged files. Raises AssertionError where one is not accounted for;
    whatever else is raised is a crash."""
    rng = np.random.default_rng(seed)
    root, work = folder / "raw", folder / "work"
    work.mkdir(parents=True)
    write_sample(SAMPLE, root=root)
    pictures = round(files * (1.0 - SHARES[".csv"] - SHARES[".txt"]))
    planted = plant(root, pictures, rng)
    data = {
        "source": "voxceleb2",
        "voices_root": str(root / "voices"),
        "faces_root": str(root / "faces"),
        "faces_from": "both",
    }
    config: Config = from_dict({"data": {**data, "metadata": str(root / "meta/vox2_meta.csv")}})
    listed = prepare.prepare(config, root)
    counts: dict[str, Any] = {"files": files, "seed": seed, "planted": dict(planted)}
    for name, stage in (("audio", _audio), ("faces", _faces)):
        began = time.perf_counter()
        metrics = stage(config, root, folder / name)
        assert metrics["kept"] + metrics["rejected"]["all"] == metrics["seen"], metrics
        counts[name] = {key: metrics[key] for key in ("seen", "kept", "rejected")} | {
            "seconds": round(time.perf_counter() - began, 1)
        }
    assert counts["audio"]["seen"] == listed["voices"]["files"]
    assert counts["faces"]["seen"] == listed["faces"]["files"]
    counts["tables"] = dict(+tables(root, work, files - pictures, rng))
    assert sum(counts["tables"].values()) + sum(planted.values()) == files
    return counts


def _audio(config: Config, root: Path, out: Path) -> dict[str, Any]:
    return clips.extract(
        config.audio, pd.read_parquet(root / "voices/inventory.parquet"), root / "voices", out
    )


def _faces(config: Config, root: Path, out: Path) -> dict[str, Any]:
    return photos.extract(
        config.faces, pd.read_parquet(root / "faces/inventory.parquet"), root / "faces", root / "voices", out
    )


def _shares(*suffixes: str) -> np.ndarray:
    shares = np.array([SHARES[suffix] for suffix in suffixes])
    return np.asarray(shares / shares.sum())


def main() -> int:
    parser = argparse.ArgumentParser(description="Damaged files through the stages.")
    parser.add_argument("--files", type=int, default=500, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        try:
            counts = run(arguments.files, arguments.seed, Path(name))
        except AssertionError as error:
            sys.stderr.write(f"error: not accounted for: {error}\n")
            return 1
    sys.stdout.write(json.dumps(counts, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
