"""What a process costs that generates one face and ends: the import, loading a release, the command.

    python benchmarks/cold_start.py [--release DIR]            writes benchmarks/results/cold_start.json

Each run is a new process; files are in the system's cache after the first, which does not count. Processor
time includes ffmpeg's, where it runs. It says more than the clock on a machine that others use, too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from infer import record
from machine import machine

OUT = Path(__file__).with_name("results") / "cold_start.json"
TARGET_CPU_SECONDS = 1.5


def commands(release: Path, folder: Path) -> dict[str, list[str]]:
    """What is measured -> the arguments of Python."""
    load = f"from deepfacegen import VoiceToFace; VoiceToFace.load({str(release)!r})"
    generate = ["-m", "deepfacegen", "generate", "--models", str(release)]
    return {
        "python": ["-c", "pass"],
        "import_onnxruntime": ["-c", "import onnxruntime"],
        "import_torch": ["-c", "import torch"],
        "import_deepfacegen": ["-c", "from deepfacegen import VoiceToFace"],
        "load": ["-c", load],
        "generate_wav": [*generate, str(folder / "wav_16_khz.wav"), str(folder / "face.png")],
        "generate_m4a": [*generate, str(folder / "m4a.m4a"), str(folder / "face.png")],
    }


def measured(arguments: list[str], runs: int) -> dict[str, float]:
    """Seconds of new processes, by the clock and of processors."""
    wall, cpu = np.empty(runs + 1), np.empty(runs + 1)
    for i in range(runs + 1):
        began, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        wall[i], after = perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu[i] = sum(after[:2]) - sum(before[:2])
    seconds = {"wall": wall[1:], "cpu": cpu[1:]}
    return {
        f"{name}_seconds_{word}": round(float(of(values)), 3)
        for name, values in seconds.items()
        for word, of in (("min", np.min), ("p50", np.median))
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure what a process costs that generates one face.")
    parser.add_argument(
        "--release",
        type=Path,
        default=Path("models/release"),
        metavar="DIR",
        help="folder of the release (default: models/release)",
    )
    parser.add_argument(
        "--runs", type=int, default=10, metavar="N", help="runs of each measurement (default: 10)"
    )
    arguments = parser.parse_args(argv)
    load, results = os.getloadavg()[0], {}
    with tempfile.TemporaryDirectory() as name:
        record(Path(name))
        for what, words in commands(arguments.release, Path(name)).items():
            results[what] = measured(words, arguments.runs)
            sys.stdout.write(f"{what}: {json.dumps(results[what])}\n")
    here = machine("onnxruntime", "torch", load=load)
    told = {
        "command": "python benchmarks/cold_start.py",
        "machine": here,
        "runs": arguments.runs,
        "target_cpu_seconds": TARGET_CPU_SECONDS,
        "results": results,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
