"""Speed of the audio stage, beside bare decoding by ffmpeg on all cores, and its memory by the number of
files.

    python benchmarks/audio.py [--raw data/raw] [--clips 640]           writes benchmarks/results/audio.json

Run where `dvc repro download` has been. `bare` is `ffmpeg -f null`, one process per clip, on all cores;
`bare_together` the same with as many clips per process as the stage gives it. `decode` is the stage's own
decoding, to int16 at 16 kHz; `decode_and_speech` the whole stage, with silero-vad.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from stage_bench import beside, elsewhere, links, measured, peak_mb, run

from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio import clips, decoding, speech, speech_search
from deepfacegen.data.fanout.schedule import map_shards
from deepfacegen.data.files import media

COLUMNS = ("clip_id", "voice_id", "video_id")
SHARD = 32
FEW = SHARD * (os.cpu_count() or 1)  # a shard for every worker
MAX_SECONDS = speech_search.first_seconds(AudioConfig())


def bare(paths: list[Path]) -> None:
    inputs = [word for path in paths for word in ("-threads", "1", "-i", str(path))]
    outputs = [word for number in range(len(paths)) for word in ("-map", f"{number}:a:0", "-f", "null", "-")]
    subprocess.run([media.ffmpeg_path(), "-nostdin", "-v", "error", *inputs, *outputs], check=True)


def all_bare(paths: list[Path], together: int) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(bare, groups(paths, together)))


def groups(paths: list[Path], size: int) -> list[list[Path]]:
    return [paths[begin : begin + size] for begin in range(0, len(paths), size)]


def decode(paths: list[Path]) -> int:
    """Samples in some files, by the stage's own decoding."""
    return sum(
        len(sound)
        for group in groups(paths, decoding.FILES_AT_ONCE)
        for sound in decoding.decode_audio_files(group, MAX_SECONDS)
    )


def speeds(raw: Path, count: int) -> dict[str, Any]:
    root = raw / "voices"
    inventory = pd.read_parquet(root / "inventory.parquet")
    good = [root / path for path in inventory["path"] if path.endswith(".m4a") and readable(root / path)]
    with tempfile.TemporaryDirectory() as name:
        table = links(good, Path(name, "voices"), count, COLUMNS, "audio")
        paths = [Path(name, "voices", path) for path in table["path"]]
        sounds = [decoding.decode_audio(path) for path in paths[:64]]
        seconds_per_clip = sum(len(sound) for sound in sounds) / media.SAMPLE_RATE_HZ / len(sounds)
        speech.trim(sounds[0])
        config, root = AudioConfig(clips_per_shard=SHARD), Path(name, "voices")

        def decode_all(number: int) -> None:
            parts = groups(paths[:number], SHARD)
            map_shards(decode, parts, [len(part) for part in parts], "decode")

        results = {
            "bare": measured(lambda number: all_bare(paths[:number], 1), FEW, count),
            "bare_together": measured(
                lambda number: all_bare(paths[:number], decoding.FILES_AT_ONCE), FEW, count
            ),
            "decode": measured(decode_all, FEW, count),
            "decode_and_speech": measured(
                lambda number: clips.extract(config, table.head(number), root, Path(name, f"out{number}")),
                FEW,
                count,
            ),
            "speech_on_one_core": measured(
                lambda number: [speech.trim(sound) for sound in sounds[:number]], 2, len(sounds)
            ),
        }
    return {
        "clips": count,
        "cores": os.cpu_count(),
        "seconds_per_clip": round(seconds_per_clip, 2),
        "rates": results,
        "decode_of_bare": beside(results, "decode", "bare"),
        "decode_of_bare_together": beside(results, "decode", "bare_together"),
        "decode_and_speech_of_bare": beside(results, "decode_and_speech", "bare"),
        "target_decode_of_bare": 0.8,
    }


def readable(path: Path) -> bool:
    try:
        decoding.decode_audio(path, max_seconds=0.1)
    except media.MediaError:
        return False
    return True


def memory_of(count: int, scratch: Path) -> dict[str, float]:
    """Peak memory of the stage over so many clips of half a second."""
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        sources = []
        for number in range(4):
            sources.append(Path(name, f"{number}.wav"))
            with wave.open(str(sources[-1]), "wb") as stream:
                stream.setnchannels(1)
                stream.setsampwidth(2)
                stream.setframerate(media.SAMPLE_RATE_HZ)
                stream.writeframes(
                    np.load(scratch / "speech.npy")[number * 8000 : (number + 1) * 8000].tobytes()
                )
        inventory = Path(name, "inventory.parquet")
        elsewhere(
            lambda: links(sources, Path(name, "voices"), count, COLUMNS, "audio").to_parquet(
                inventory, index=False
            )
        )
        config = AudioConfig(clips_per_shard=250, min_speech_seconds=0.1)
        return peak_mb(lambda: clips.extract(config, inventory, Path(name, "voices"), Path(name, "out")))


def keep_inputs(raw: Path, scratch: Path) -> None:
    """What `memory_of` makes its clips from: two seconds of speech."""
    inventory = pd.read_parquet(raw / "voices/inventory.parquet")
    sound = next(raw / "voices" / path for path in inventory["path"] if readable(raw / "voices" / path))
    spoken = speech.trim(decoding.decode_audio(sound))
    np.save(scratch / "speech.npy", np.resize(spoken, 32_000))


if __name__ == "__main__":
    sys.exit(run("audio", ("clips", 640), speeds, keep_inputs, memory_of))
