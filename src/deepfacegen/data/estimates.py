"""How much disk and memory the stages `audio` and `faces` will take, from their inventories and parameters,
before they begin."""

from __future__ import annotations

import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from deepfacegen import room
from deepfacegen.config.schema import AudioConfig, FacesConfig
from deepfacegen.data.audio import decoding
from deepfacegen.data.fanout.engines import wanted_workers
from deepfacegen.data.files import media

SAMPLE_BYTES = 2
# DVC keeps a second copy in its cache unless it can link (docs/scale.md).
COPIES = 2
# Measured: docs/scale.md, peak memory.
WORKER_BYTES, DRIVER_BYTES = 200 << 20, 210 << 20
# Where the longest possible clips would not fit, so many files are decoded to learn how long they are; the
# mean of so few may be off by this much.
PROBES, PROBED_SHARE = 32, 0.7
FRAMES_OF_A_FILM = 60


def check_audio(config: AudioConfig, inventory: Path, root: Path, out: Path, resume: Path) -> None:
    """Raises UserError when the shards of speech cannot fit, warns when they may not."""
    table = pd.read_parquet(inventory, columns=["clip_id", "path"]).drop_duplicates("clip_id")
    second = media.SAMPLE_RATE_HZ * SAMPLE_BYTES
    done, most = _bytes_below(resume), int(len(table) * config.max_speech_seconds * second)
    least = 0
    if COPIES * most > room.free(out):
        chosen = table["path"].iloc[np.unique(np.linspace(0, len(table) - 1, PROBES).round().astype(int))]
        sounds = decoding.decode_audio_files([root / path for path in chosen], config.max_speech_seconds)
        lengths = [0 if isinstance(sound, media.MediaError) else len(sound) for sound in sounds]
        most = int(len(table) * np.mean(lengths) * SAMPLE_BYTES)
        least = int(PROBED_SHARE * most)
    remedy = "free some, or lower audio.max_speech_seconds or data.limit_identities"
    what = f"shards of speech of {len(table):,} clips"
    room.check_disk(out, least - done, COPIES * most - done, what, remedy)
    _check_workers("audio")


def check_faces(config: FacesConfig, inventory: Path, out: Path, resume: Path) -> None:
    """Raises UserError when the shards of faces cannot fit, warns when they may not. A photo gives one face
    at most, half of them do at least."""
    kinds = pq.read_table(inventory, columns=["kind"])["kind"].to_pandas().value_counts()
    face, photos, films = 3 * config.size_px**2, int(kinds.get("photo", 0)), int(kinds.get("video", 0))
    done, most = _bytes_below(resume), (photos + films * (config.frames_per_video or FRAMES_OF_A_FILM)) * face
    least, what = (photos + films) * face // 2, f"shards of faces of {photos + films:,} files"
    remedy = "free some, or lower faces.size_px or data.limit_identities"
    room.check_disk(out, least - done, COPIES * most - done, what, remedy)
    _check_workers("faces")


def _check_workers(stage: str) -> None:
    if os.environ.get("DEEPFACEGEN_ENGINE", "loky") in ("loky", "threading"):
        workers = wanted_workers() or int(joblib.cpu_count())
        what = f"{stage} with {workers} worker{'s' * (workers > 1)}"
        room.check_memory(DRIVER_BYTES + workers * WORKER_BYTES, what, "set DEEPFACEGEN_WORKERS to fewer")


def _bytes_below(folder: Path) -> int:
    """What an earlier run of the same work has written already."""
    return sum(path.stat().st_size for path in folder.glob("*/shard-*"))
