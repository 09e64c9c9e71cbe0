"""The audio stage: decode, keep the speech, cut, pack as int16 shards with a table of clips and one of rejects."""

from __future__ import annotations

import functools
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config import AudioConfig
from deepfacegen.data import media, speech
from deepfacegen.data.fanout import map_shards, slices
from deepfacegen.data.media import SAMPLE_RATE_HZ
from deepfacegen.data.shards import shard_path, write_array
from deepfacegen.errors import UserError

CLIP_COLUMNS = {
    "clip_id": "str",
    "voice_id": "str",
    "video_id": "str",
    "shard": "int32",
    "offset_samples": "int64",
    "length_samples": "int64",
}
REJECT_COLUMNS = {"clip_id": "str", "path": "str", "reason": "str"}
# A recording is read no further than this many times the speech that is wanted from it.
READ_AHEAD = 4.0


@dataclass
class Shard:
    """What one unit of work gives back."""

    clips: list[tuple] = field(default_factory=list)
    rejects: list[tuple] = field(default_factory=list)
    decoded_samples: int = 0


def extract(config: AudioConfig, inventory: pd.DataFrame, root: Path, out: Path) -> dict[str, Any]:
    """Fill `out` with shards, clips.parquet and rejects.parquet (docs/architecture.md); returns the stage's metrics.

    `inventory` is that of voices, its paths relative to `root`. Raises UserError when nothing at all is kept.
    """
    began = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    parts = slices(inventory, "clip_id", config.clips_per_shard)
    done = map_shards(functools.partial(_shard, config, root, out), list(enumerate(parts)), [len(part) for part in parts], "audio")
    clips = pd.DataFrame([row for shard in done for row in shard.clips], columns=list(CLIP_COLUMNS)).astype(CLIP_COLUMNS)
    rejects = pd.DataFrame([row for shard in done for row in shard.rejects], columns=list(REJECT_COLUMNS)).astype(REJECT_COLUMNS)
    assert len(clips) + len(rejects) == len(inventory), "a clip is neither kept nor rejected"
    reasons = dict(sorted(Counter(rejects["reason"]).items()))
    clips.to_parquet(out / "clips.parquet", index=False)
    rejects.to_parquet(out / "rejects.parquet", index=False)
    if clips.empty:
        raise UserError(f"{root}: none of {len(inventory)} voice files gave speech ({reasons}); see {out / 'rejects.parquet'}")
    seconds = time.perf_counter() - began
    decoded_seconds = sum(shard.decoded_samples for shard in done) / SAMPLE_RATE_HZ
    return {
        "seen": len(inventory),
        "kept": len(clips),
        "rejected": {"all": len(rejects), **reasons},
        "voices": int(clips["voice_id"].nunique()),
        "decoded_hours": round(decoded_seconds / 3600, 3),
        "speech_hours": round(int(clips["length_samples"].sum()) / SAMPLE_RATE_HZ / 3600, 3),
        "shards": len(parts),
        "effort": {
            "seconds": round(seconds, 1),
            "clips_per_second": round(len(inventory) / seconds, 1),
            "times_real_time": round(decoded_seconds / seconds, 1),
        },
    }


def _shard(config: AudioConfig, root: Path, out: Path, unit: tuple[int, pd.DataFrame]) -> Shard:
    """Work off one slice of the inventory and write its shard."""
    number, rows = unit
    result = Shard()
    kept: list[np.ndarray] = []
    offset, last = 0, ""
    for clip_id, voice_id, video_id, path in rows[["clip_id", "voice_id", "video_id", "path"]].to_numpy().tolist():
        if clip_id == last:  # the same clip as sound and as video: the first that gives speech is enough
            result.rejects.append((clip_id, path, "duplicate"))
            continue
        samples, reason, decoded = _speech(config, root / path)
        result.decoded_samples += decoded
        if reason:
            result.rejects.append((clip_id, path, reason))
            continue
        last = clip_id
        kept.append(samples)
        result.clips.append((clip_id, voice_id, video_id, number, offset, len(samples)))
        offset += len(samples)
    write_array(shard_path(out, number), np.concatenate(kept) if kept else np.empty(0, dtype=np.int16))
    return result


def _speech(config: AudioConfig, path: Path) -> tuple[np.ndarray, str, int]:
    """The speech of one file, why there is none to keep, and how many samples were decoded."""
    try:
        audio = media.decode_audio(path, max_seconds=READ_AHEAD * config.max_speech_seconds)
    except media.MediaError as error:
        return np.empty(0, dtype=np.int16), error.reason, 0
    samples = speech.trim(audio, config.vad_threshold)
    short = len(samples) < config.min_speech_seconds * SAMPLE_RATE_HZ
    reason = "no_speech" if not len(samples) else "too_short" if short else ""
    return samples[: round(config.max_speech_seconds * SAMPLE_RATE_HZ)], reason, len(audio)


def plot(folder: Path, plots: Path) -> None:
    """Seconds of speech per clip as a histogram, and rejects by reason (PNG and CSV), from the stage's out."""
    from matplotlib.figure import Figure

    plots.mkdir(parents=True, exist_ok=True)
    clips, rejects = (pd.read_parquet(folder / f"{name}.parquet") for name in ("clips", "rejects"))
    seconds = clips["length_samples"].to_numpy() / SAMPLE_RATE_HZ
    counts, edges = np.histogram(seconds, bins=np.arange(0.0, np.ceil(seconds.max()) + 0.75, 0.5))
    pd.DataFrame({"speech_seconds": edges[:-1], "clips": counts}).to_csv(plots / "durations.csv", index=False)
    reasons = rejects["reason"].value_counts().sort_index()
    reasons.rename_axis("reason").rename("files").to_csv(plots / "rejects.csv")
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.stairs(counts, edges, fill=True, color="tab:gray")
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.items()) or "none"
    axes.set(xlabel="seconds of speech in a clip", ylabel="clips", title=f"{len(clips)} clips kept; rejected: {why}")
    figure.savefig(plots / "durations.png", dpi=100, metadata={"Software": None})
