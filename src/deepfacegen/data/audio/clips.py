"""The audio stage: decode, keep the speech, cut, pack as int16 shards with a table of clips and one of
rejects."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config.schema import AudioConfig
from deepfacegen.data import extraction
from deepfacegen.data.audio import speech_search
from deepfacegen.data.audio.decoding import FILES_AT_ONCE, Audio, decode_audio_files
from deepfacegen.data.fanout.resume import Unit, UnitResult
from deepfacegen.data.fanout.units import Units
from deepfacegen.data.files.media import SAMPLE_RATE_HZ, MediaError
from deepfacegen.data.shards import ArrayWriter, shard_path

CLIP_COLUMNS = {
    "clip_id": "str",
    "voice_id": "str",
    "video_id": "str",
    "shard": "int32",
    "offset_samples": "int64",
    "length_samples": "int64",
}


def extract(
    config: AudioConfig, inventory: pd.DataFrame | Path, root: Path, out: Path, resume: Path | None = None
) -> dict[str, Any]:
    """Fill `out` with shards, clips.parquet and rejects.parquet (docs/data-contract.md); returns the stage's
    metrics.

    `inventory` is that of voices, or its file; its paths are relative to `root`. `resume` and errors as for
    `extraction.extract`.
    """
    absolute = root.resolve()
    done = extraction.extract(
        functools.partial(_shard, config, absolute),
        Units(
            inventory, "clip_id", config.clips_per_shard, dict.fromkeys(("audio", "video"), absolute), "audio"
        ),
        out,
        ("clips", CLIP_COLUMNS),
        resume,
        f"{root}: none of {{seen}} voice files gave speech",
    )
    clips = pd.read_parquet(out / "clips.parquet", columns=["voice_id", "length_samples"])
    rates = {
        "clips_per_second": done.rate("files"),
        "times_real_time": done.rate("decoded_samples", SAMPLE_RATE_HZ),
    }
    return done.metrics(
        rates,
        voices=int(clips["voice_id"].nunique()),
        decoded_hours=round(done.count("decoded_samples") / SAMPLE_RATE_HZ / 3600, 3),
        speech_hours=round(int(clips["length_samples"].sum()) / SAMPLE_RATE_HZ / 3600, 3),
    )


def _shard(config: AudioConfig, root: Path, unit: Unit, folder: Path) -> UnitResult:
    """Write the shard of one slice of the inventory."""
    tables = extraction.UnitTables("clips", CLIP_COLUMNS)
    offset = decoded = 0
    with ArrayWriter(shard_path(folder, unit.number), np.int16) as shard:
        for (clip_id, voice_id, video_id, path), sound in _decoded(config, root, unit.rows):
            if tables.is_duplicate(clip_id, path):  # one clip as sound and as video
                continue
            speech, reason, searched = _speech(config, root / path, sound)
            decoded += searched
            if reason:
                tables.reject(clip_id, path, reason)
                continue
            shard.append(speech)
            tables.keep(clip_id, [(clip_id, voice_id, video_id, unit.number, offset, len(speech))])
            offset += len(speech)
    return tables.result(len(unit.rows), decoded_samples=decoded)


def _decoded(config: AudioConfig, root: Path, rows: pd.DataFrame) -> Iterator[tuple[tuple, Audio | None]]:
    """Clip, voice, video and path of each row, and the sound of its file; None for further files of a clip,
    most of which are not needed."""
    names = list(rows[["clip_id", "voice_id", "video_id", "path"]].itertuples(index=False, name=None))
    is_first = [number == 0 or row[0] != names[number - 1][0] for number, row in enumerate(names)]
    for begin in range(0, len(names), FILES_AT_ONCE):
        group = range(begin, min(begin + FILES_AT_ONCE, len(names)))
        paths = [root / names[number][3] for number in group if is_first[number]]
        sounds = iter(decode_audio_files(paths, speech_search.first_seconds(config)))
        yield from ((names[number], next(sounds) if is_first[number] else None) for number in group)


def _speech(config: AudioConfig, path: Path, first: Audio | None) -> tuple[np.ndarray, str, int]:
    """The speech int16 [T] in a recording, of which the first seconds may be decoded already; why it is
    rejected (""); samples searched."""
    try:
        found = speech_search.search(speech_search.RecordingFile(path), config, first)
    except MediaError as error:
        return np.empty(0, dtype=np.int16), error.reason, 0
    short = len(found.speech) < config.min_speech_seconds * SAMPLE_RATE_HZ
    reason = "no_speech" if not len(found.speech) else "too_short" if short else ""
    if reason and found.is_cut:
        reason += f"_in_{found.samples / SAMPLE_RATE_HZ:.0f}_s"  # what follows was not searched
    return found.speech, reason, found.samples


def plot(folder: Path, plots: Path) -> None:
    """Seconds of speech per clip as a histogram, and rejects by reason (PNG and CSV), from the stage's
    out."""
    from matplotlib.figure import Figure

    reasons = extraction.write_reject_counts(folder, plots)
    lengths = pd.read_parquet(folder / "clips.parquet", columns=["length_samples"])["length_samples"]
    seconds = lengths.to_numpy() / SAMPLE_RATE_HZ
    counts, edges = np.histogram(seconds, bins=np.arange(0.0, np.ceil(seconds.max()) + 0.75, 0.5))
    pd.DataFrame({"speech_seconds": edges[:-1], "clips": counts}).to_csv(plots / "durations.csv", index=False)
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.stairs(counts, edges, fill=True, color="tab:gray")
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.items()) or "none"
    title = f"{len(seconds)} clips kept; rejected: {why}"
    axes.set(xlabel="seconds of speech in a clip", ylabel="clips", title=title)
    figure.savefig(plots / "durations.png", dpi=100, metadata={"Software": None})
