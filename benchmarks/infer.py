"""Speed of drawing: from a file of 6 s of speech to a face on disk with the model loaded, part by part, and a
folder of such files.

    python benchmarks/infer.py [--models DIR]            writes benchmarks/results/infer.json
 A sample person speaks; the project's ffmpeg writes the other formats. Every set-up runs in a process of its
 own. `cpu_ms` is the processor time of this process alone (ffmpeg is another one). On a machine that others
 use, too, the minimum says more than p50 and p95.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from machine import machine

from deepfacegen.api.faces import generate_one, one_thread, write_faces
from deepfacegen.api.folder import BATCH, generate_folder
from deepfacegen.api.speech import SEARCHED_SECONDS, decode, read_speech
from deepfacegen.api.voice_report import ReadyGenerator
from deepfacegen.cli import models as cli_models
from deepfacegen.config.schema import AudioConfig, SampleConfig
from deepfacegen.data.audio.speech import trim
from deepfacegen.data.files.media import SAMPLE_RATE_HZ, ffmpeg_path
from deepfacegen.synthetic.people import from_row, sample_people
from deepfacegen.synthetic.voice import compose_text, speak
from deepfacegen.systems import registry

OUT = Path(__file__).with_name("results") / "infer.json"
SECONDS = 6
TARGETS_MS = {"wav_p50": 60, "m4a_mp4_p50": 150, "speech_and_embedding_p50": 30}
# Name of the file -> options of ffmpeg after the 16 kHz recording.
FORMATS: dict[str, tuple[str, ...]] = {
    "wav_16_khz.wav": ("-c:a", "copy"),
    "wav_44_khz.wav": ("-ar", "44100"),
    "m4a.m4a": ("-c:a", "aac"),
    "mp4.mp4": ("-f", "lavfi", "-i", "testsrc=size=224x224:rate=25:duration=6", "-c:a", "aac", "-shortest"),
}
FOLDER_RECORDINGS = 3 * BATCH


def record(folder: Path) -> None:
    """One clip in every format. Raises UserError where espeak-ng cannot start."""
    rng, person = np.random.default_rng(0), from_row(sample_people(SampleConfig(identities=12)).iloc[0])
    said = speak(person, compose_text(rng, person, 2.0 * SECONDS), rng)[: SECONDS * SAMPLE_RATE_HZ]
    if len(said) < SECONDS * SAMPLE_RATE_HZ:
        raise ValueError(f"the sample person said {len(said) / SAMPLE_RATE_HZ:.1f} s, not {SECONDS} s")
    source = folder / "said"
    with wave.open(str(source), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(SAMPLE_RATE_HZ)
        stream.writeframes(said.astype("<i2").tobytes())
    for name, options in FORMATS.items():
        subprocess.run(
            [ffmpeg_path(), "-v", "error", "-i", str(source), *options, str(folder / name)], check=True
        )


def timed(work: Callable[[], Any], runs: int) -> dict[str, float]:
    """Milliseconds of `work` after three calls that do not count."""
    for _ in range(3):
        work()
    wall, cpu = np.empty(runs), np.empty(runs)
    for i in range(runs):
        began, used = perf_counter(), process_time()
        work()
        wall[i], cpu[i] = perf_counter() - began, process_time() - used
    p50, p95 = np.quantile(1e3 * wall, (0.5, 0.95))
    return {
        name: round(float(ms), 2)
        for name, ms in (("min", 1e3 * wall.min()), ("p50", p50), ("p95", p95), ("cpu_min", 1e3 * cpu.min()))
    }


def ready(models: Path, device: str) -> ReadyGenerator:
    """What `deepfacegen generate` uses for these models, at the models' own size."""
    return ReadyGenerator(cli_models.generator(models, device))


def latency(folder: Path, models: Path, device: str, runs: int) -> dict[str, Any]:
    """Whole and parts, in ms. The parts are measured each on its own, under the same number of threads as in
    the whole, and those of the networks in PyTorch, whatever generates."""
    system, whole_system = registry.load("cgan", models, device), ready(models, device)
    face, sound = folder / f"{os.getpid()}.png", decode(folder / next(iter(FORMATS)), SEARCHED_SECONDS[0])
    speech = read_speech(folder / next(iter(FORMATS)))
    embeddings, latents = system.embed([speech]), system.latents(1, 0)
    drawn = system.generate_from(embeddings, latents)
    threshold = AudioConfig().vad_threshold

    def embedded() -> None:
        system.encoder.embed([trim(sound, threshold)])

    with one_thread():
        parts: dict[str, Any] = {
            "decode_ms": {
                Path(name).stem: timed(partial(decode, folder / name, SEARCHED_SECONDS[0]), runs)
                for name in FORMATS
            },
            "speech_ms": timed(lambda: trim(sound, threshold), runs),
            "embedding_ms": timed(lambda: system.encoder.embed([speech]), runs),
            "speech_and_embedding_ms": timed(embedded, runs),
            "drawing_ms": timed(lambda: system.generate_from(embeddings, latents), runs),
            "png_ms": timed(lambda: write_faces([face], drawn[0]), runs),
        }
    whole = {
        Path(name).stem: timed(
            partial(generate_one, folder / name, face, lambda: whole_system, count=1, seed=0), runs
        )
        for name in FORMATS
    }
    return {
        "image_size_px": drawn.shape[-2],
        "speech_seconds": round(len(speech) / SAMPLE_RATE_HZ, 2),
        "whole_ms": whole,
        "parts": parts,
    }


def throughput(folder: Path, models: Path, device: str, workers: int) -> dict[str, float]:
    """Hours of recordings per minute: a folder of m4a files to a folder of faces, and batches of speech to
    embeddings alone."""
    system: Any = registry.load("cgan", models, device)
    speech = [read_speech(folder / "m4a.m4a")] * BATCH
    system.encoder.embed(speech)
    began = perf_counter()
    for _ in range(3):
        system.encoder.embed(speech)
    embedded = 3 * BATCH * SECONDS / (perf_counter() - began)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        source = Path(name, "recordings")
        source.mkdir()
        for i in range(FOLDER_RECORDINGS):
            (source / f"{i}.m4a").write_bytes((folder / "m4a.m4a").read_bytes())
        began = perf_counter()
        generate_folder(
            source,
            Path(name, "faces"),
            lambda: ready(models, device),
            count=1,
            seed=0,
            model="",
            workers=workers,
        )
        drawn = FOLDER_RECORDINGS * SECONDS / (perf_counter() - began)
    # Seconds of sound per second are minutes of sound per minute.
    return {
        "folder_hours_per_minute": round(drawn / 60, 2),
        "embedding_hours_per_minute": round(embedded / 60, 2),
    }


def measured(folder: Path, models: Path, device: str, threads: int, runs: int, back: Any) -> None:
    torch.set_num_threads(threads)
    back.put(
        {**latency(folder, models, device, runs), "throughput": throughput(folder, models, device, threads)}
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure how long a face takes.")
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of the trained models (default: models)",
    )
    parser.add_argument(
        "--runs", type=int, default=50, metavar="N", help="runs of each measurement (default: 50)"
    )
    arguments = parser.parse_args(argv)
    load = os.getloadavg()[0]
    context, results = multiprocessing.get_context("spawn"), {}
    setups = [("cpu", 1), ("cpu", 2), *([("cuda", 2)] if torch.cuda.is_available() else [])]
    with tempfile.TemporaryDirectory() as name:
        record(Path(name))
        for device, threads in setups:
            os.environ["OMP_NUM_THREADS"] = str(threads)  # read by the new process as it starts
            back = context.SimpleQueue()
            process = context.Process(
                target=measured, args=(Path(name), arguments.models, device, threads, arguments.runs, back)
            )
            process.start()
            process.join()
            if process.exitcode:
                return 1
            results[f"{device}_{threads}_threads"] = back.get()
            sys.stdout.write(
                f"{device}, {threads} threads: {json.dumps(results[f'{device}_{threads}_threads'])}\n"
            )
    here = machine("torch", load=load)
    told = {
        "command": "python benchmarks/infer.py",
        "machine": here,
        "runs": arguments.runs,
        "targets_ms": TARGETS_MS,
        "results": results,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
