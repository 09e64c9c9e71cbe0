"""Hours and disk at full scale, computed from what benchmarks/results measured: the tables between the marks
of docs/scale.md.

python tools/scale.py            writes them anew
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE, RESULTS = ROOT / "docs/scale.md", ROOT / "benchmarks/results"
BEGIN, END = "<!-- scale: begin (tools/scale.py) -->\n", "<!-- scale: end -->\n"

# VoxCeleb2 dev and VGGFace2, as their authors count them; shards as in params/voxceleb2.yaml.
CLIPS, HOURS, PHOTOS = 1_092_009, 2360, 3_310_000
CLIPS_PER_SHARD, PHOTOS_PER_SHARD, FACE_PX = 2000, 5000, 128
CORES = (2, 16, 16 * 64)
BYTES_PER_SECOND = 2 * 16_000
GB = 1e9
# params/paper.yaml
STEPS, BATCH = 50_000, 128


def result(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["results"]


def tables() -> str:
    """Markdown: rates of one core, hours by cores, disk."""
    audio, faces, manifest = result("audio"), result("faces"), _manifest()
    clip_seconds = 3600 * HOURS / CLIPS
    decode, whole, speech = (
        audio["rates"][name]["core_ms_each"] / audio["seconds_per_clip"]
        for name in ("decode", "decode_and_speech", "speech_on_one_core")
    )
    photo_ms = faces["rates"]["stage"]["core_ms_each"]
    audio_hours, faces_hours = HOURS * whole / 1e3, PHOTOS * photo_ms / 3.6e6
    rows = [
        "| | cost of one core | from |",
        "|---|---|---|",
        f"| decoding (ffmpeg, {audio['seconds_per_clip']:.1f} s clips) | {decode:.2f} ms "
        "per second of sound | `benchmarks/audio.py`, `decode` |",
        f"| finding speech (silero-vad) | {speech:.2f} ms per second of sound | "
        "`benchmarks/audio.py`, `speech_on_one_core` |",
        "| stage `audio`, both and storing | "
        f"{whole:.2f} ms per second of sound: {1e3 / whole:.0f} times real time | "
        "`benchmarks/audio.py`, `decode_and_speech` |",
        "| stage `faces` (photos of 224 px) | "
        f"{photo_ms:.2f} ms per photo, {1e3 / photo_ms:.0f} photos per second | "
        "`benchmarks/faces.py`, `stage` |",
        *(
            [
                f"| stage `manifest` (uses one core) | {manifest[0]:,.0f} rows per second, "
                f"{manifest[1]:.1f} GiB | `benchmarks/manifest_scale.py` |"
            ]
            if manifest
            else []
        ),
        "",
        f"| computed from these | {' | '.join(f'{count:,} cores' for count in CORES)} |",
        "|---|" + "---|" * len(CORES),
        _row(f"`audio`: {CLIPS:,} clips, {HOURS:,} h", audio_hours, CLIPS, CLIPS_PER_SHARD),
        _row(f"`faces`: {PHOTOS:,} photos", faces_hours, PHOTOS, PHOTOS_PER_SHARD),
        *(
            [
                "| `manifest` | "
                f"{' | '.join([f'{(CLIPS + PHOTOS) / manifest[0] / 60:.1f} min'] * len(CORES))} |"
            ]
            if manifest
            else []
        ),
        "",
        "| beside bare programs on all cores | by the clock | by time of cores | aim |",
        "|---|---|---|---|",
        _beside(
            "decoding, beside `ffmpeg -f null`, a process per clip",
            audio["decode_of_bare"],
            audio["target_decode_of_bare"],
        ),
        _beside("decoding, beside `ffmpeg -f null`, 16 clips per process", audio["decode_of_bare_together"]),
        _beside(
            "the whole stage `audio`, beside `ffmpeg -f null`, a process per clip",
            audio["decode_and_speech_of_bare"],
        ),
        _beside(
            "stage `faces`, beside reading and detecting only",
            faces["stage_of_bare"],
            faces["target_stage_of_bare"],
        ),
        "",
        *_memory({"audio": audio, "faces": faces}),
        "| out | files | bytes of an item | whole, at most |",
        "|---|---|---|---|",
        f"| `data/audio` | {math.ceil(CLIPS / CLIPS_PER_SHARD):,} shards, 2 tables | "
        f"{BYTES_PER_SECOND:,} per second of speech, "
        f"{clip_seconds * BYTES_PER_SECOND / 1e3:.0f} kB per clip of {clip_seconds:.1f} s "
        f"| {HOURS * 3600 * BYTES_PER_SECOND / GB:.0f} GB |",
        f"| `data/faces` | {math.ceil(PHOTOS / PHOTOS_PER_SHARD):,} shards, 2 tables | "
        f"{3 * FACE_PX**2 / 1e3:.0f} kB per face of {FACE_PX} px | "
        f"{PHOTOS * 3 * FACE_PX**2 / GB:.0f} GB |",
        "",
        "| the GAN with the networks of Wen et al. (`params/paper.yaml`: "
        f"{STEPS:,} steps of {BATCH}) | images per second (`benchmarks/train_step.py`) | hours, computed |",
        "|---|---|---|",
    ]
    for name, key, what in (
        ("train_step", "cpu_step_128", "2 CPU cores"),
        ("train_step_cuda", "cuda_step_128", "one GPU (NVIDIA H200)"),
    ):
        if (RESULTS / f"{name}.json").exists():
            speed = result(name)[key]["ours"]["images_per_second"]
            rows.append(f"| {what} | {speed:,.0f} | {STEPS * BATCH / speed / 3600:.1f} |")
    return "\n".join(rows) + "\n"


def _beside(what: str, rates: dict[str, float], aim: float | None = None) -> str:
    return (
        f"| {what} | {rates['by_clock']:.2f} | {rates['by_core_time']:.2f} | {'' if aim is None else aim} |"
    )


def _memory(results: dict[str, dict[str, Any]]) -> list[str]:
    """Peaks with few and with many files, of the stages for which they were measured."""
    rows = []
    for stage, measurements in results.items():
        if "peak_memory" in measurements:
            counts = [name for name in measurements["peak_memory"] if name != "growth"]
            driver, workers = (
                " -> ".join(f"{measurements['peak_memory'][name][who]:.0f}" for name in counts)
                for who in ("driver_mb", "workers_mb")
            )
            files = " -> ".join(f"{int(name.removesuffix('_files')):,}" for name in counts)
            rows.append(f"| `{stage}` | {files} | {driver} MiB | {workers} MiB |")
    return (
        ["| peak memory | files | driver | all workers together |", "|---|---|---|---|", *rows, ""]
        if rows
        else []
    )


def _manifest() -> tuple[float, float] | None:
    """Rows per second and GiB of the manifest, where they were measured."""
    path = RESULTS / "manifest_scale.json"
    if not path.exists():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    measured = document["results"]["manifest"]
    return (document["size"]["clips"] + document["size"]["faces"]) / measured["cpu_seconds"], measured[
        "peak_gib"
    ]


def _row(what: str, core_hours: float, items: int, per_shard: int) -> str:
    """A stage's time on each number of cores: whole rounds of shards, for a core works at one shard at a
    time."""
    shards = math.ceil(items / per_shard)
    hours = [core_hours / shards * math.ceil(shards / count) for count in CORES]
    return (
        f"| {what}: {core_hours:.1f} core hours | "
        f"{' | '.join(f'{h:.1f} h' if h >= 1 else f'{60 * h:.1f} min' for h in hours)} |"
    )


def rewritten(page: str) -> str:
    """The page with the tables between the marks. Raises ValueError when a mark is missing."""
    head, rest = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
    return head + tables() + rest


def main() -> int:
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
