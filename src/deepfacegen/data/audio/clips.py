"""The audio stage: decode, keep the speech, cut, pack as int16 shards with a table of clips and one of
rejects."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio import listening
from deepfacegen.data.fanout.resume import Unit, UnitResult
from deepfacegen.data.fanout.tables import count_rows, count_values
from deepfacegen.data.fanout.units import Units, effort, make_shards, total_counts
from deepfacegen.data.files import media
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.data.shards import ArrayWriter, shard_path
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


def extract(
    config: AudioConfig, inventory: pd.DataFrame | Path, root: Path, out: Path, resume: Path | None = None
) -> dict[str, Any]:
    """Fill `out` with shards, clips.parquet and rejects.parquet (docs/architecture.md); returns the stage's
    metrics.

    `inventory` is that of voices, or its file; its paths are relative to `root`. Finished shards are kept in
    `resume`, if given, for a run that goes on. Raises UserError when nothing at all is kept, or a shard fails
    again and again.
    """
    began = time.perf_counter()
    units = Units(
        inventory,
        "clip_id",
        config.clips_per_shard,
        {"audio": root.resolve(), "video": root.resolve()},
        "audio",
    )
    tables = {"clips": CLIP_COLUMNS, "rejects": REJECT_COLUMNS}
    receipts = make_shards(units, functools.partial(_shard, config, root.resolve()), out, tables, resume)
    seen, reasons = count_rows(inventory), count_values(out / "rejects.parquet", "reason")
    lengths = pd.read_parquet(out / "clips.parquet", columns=["voice_id", "length_samples"])
    assert len(lengths) + sum(reasons.values()) == seen, "a clip is neither kept nor rejected"
    if lengths.empty:
        raise UserError(
            f"{root}: none of {seen} voice files gave speech ({reasons}); see {out / 'rejects.parquet'}"
        )
    seconds, now = (
        time.perf_counter() - began,
        total_counts(receipt for receipt in receipts if receipt.done_now),
    )
    return {
        "seen": seen,
        "kept": len(lengths),
        "rejected": {"all": sum(reasons.values()), **reasons},
        "voices": int(lengths["voice_id"].nunique()),
        "decoded_hours": round(total_counts(receipts)["decoded_samples"] / SAMPLE_RATE_HZ / 3600, 3),
        "speech_hours": round(int(lengths["length_samples"].sum()) / SAMPLE_RATE_HZ / 3600, 3),
        "shards": len(receipts),
        "effort": {
            **effort(receipts, seconds),
            "clips_per_second": round(now.get("files", 0) / seconds, 1),
            "times_real_time": round(now.get("decoded_samples", 0) / SAMPLE_RATE_HZ / seconds, 1),
        },
    }


def _shard(config: AudioConfig, root: Path, unit: Unit, folder: Path) -> UnitResult:
    """Write the shard of one slice of the inventory."""
    clips: list[tuple] = []
    rejects: list[tuple] = []
    offset = decoded = 0
    last = ""
    with ArrayWriter(shard_path(folder, unit.number), np.int16) as shard:
        for (clip_id, voice_id, video_id, path), sound in _decoded(config, root, unit.rows):
            if clip_id == last:  # the same clip as sound and as video: the first that gives speech is enough
                rejects.append((clip_id, path, "duplicate"))
                continue
            samples, reason, searched = _speech(config, root / path, sound)
            decoded += searched
            if reason:
                rejects.append((clip_id, path, reason))
                continue
            last = clip_id
            shard.append(samples)
            clips.append((clip_id, voice_id, video_id, unit.number, offset, len(samples)))
            offset += len(samples)
    tables = {
        "clips": pd.DataFrame(clips, columns=list(CLIP_COLUMNS)).astype(CLIP_COLUMNS),
        "rejects": pd.DataFrame(rejects, columns=list(REJECT_COLUMNS)).astype(REJECT_COLUMNS),
    }
    return UnitResult(tables, {"decoded_samples": decoded, "files": len(unit.rows)})


def _decoded(
    config: AudioConfig, root: Path, rows: pd.DataFrame
) -> Iterator[tuple[tuple, media.Audio | None]]:
    """Clip, voice, video and path of each row and what its file holds; None for further files of a clip, most
    of which nobody needs."""
    names = list(rows[["clip_id", "voice_id", "video_id", "path"]].itertuples(index=False, name=None))
    for begin in range(0, len(names), media.FILES_AT_ONCE):
        group = names[begin : begin + media.FILES_AT_ONCE]
        first = [
            number
            for number, row in enumerate(group)
            if begin + number == 0 or row[0] != names[begin + number - 1][0]
        ]
        found = media.decode_audio_files(
            [root / group[number][3] for number in first], listening.first_seconds(config)
        )
        sounds = dict(zip(first, found, strict=True))
        yield from ((row, sounds.get(number)) for number, row in enumerate(group))


def _speech(config: AudioConfig, path: Path, begun: media.Audio | None) -> tuple[np.ndarray, str, int]:
    """The speech in a recording of which the first seconds may be decoded already, why there is none to keep,
    and samples searched."""
    try:
        heard = listening.search(listening.File(path), config, begun)
    except media.MediaError as error:
        return np.empty(0, dtype=np.int16), error.reason, 0
    short = len(heard.speech) < config.min_speech_seconds * SAMPLE_RATE_HZ
    reason = "no_speech" if not len(heard.speech) else "too_short" if short else ""
    if reason and heard.cut:
        reason += f"_in_{heard.samples / SAMPLE_RATE_HZ:.0f}_s"  # what follows was not searched
    return heard.speech, reason, heard.samples


def plot(folder: Path, plots: Path) -> None:
    """Seconds of speech per clip as a histogram, and rejects by reason (PNG and CSV), from the stage's
    out."""
    from matplotlib.figure import Figure

    plots.mkdir(parents=True, exist_ok=True)
    seconds = (
        pd.read_parquet(folder / "clips.parquet", columns=["length_samples"])["length_samples"].to_numpy()
        / SAMPLE_RATE_HZ
    )
    counts, edges = np.histogram(seconds, bins=np.arange(0.0, np.ceil(seconds.max()) + 0.75, 0.5))
    pd.DataFrame({"speech_seconds": edges[:-1], "clips": counts}).to_csv(plots / "durations.csv", index=False)
    reasons = pd.Series(count_values(folder / "rejects.parquet", "reason"), dtype="int64")
    reasons.rename_axis("reason").rename("files").to_csv(plots / "rejects.csv")
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.stairs(counts, edges, fill=True, color="tab:gray")
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.items()) or "none"
    axes.set(
        xlabel="seconds of speech in a clip",
        ylabel="clips",
        title=f"{len(seconds)} clips kept; rejected: {why}",
    )
    figure.savefig(plots / "durations.png", dpi=100, metadata={"Software": None})
