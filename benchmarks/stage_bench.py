"""What the benchmarks of the data stages share: many files made of few by links, what bare processes reach,
the peak memory of a stage."""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from machine import machine


def run(
    name: str,
    items: tuple[str, int],
    speeds: Callable[[Path, int], dict[str, Any]],
    keep_inputs: Callable[[Path, Path], None],
    memory_of: Callable[[int, Path], dict[str, float]],
) -> int:
    """The command line of a stage's benchmark. `items`: what it counts, and how many by default.

    `speeds(raw, count)` measures the rates. `keep_inputs(raw, scratch)` leaves there what `memory_of(count,
    scratch)` needs, which runs in a process of its own for each of `--memory`.
    """
    what, count = items
    parser = argparse.ArgumentParser(description=f"Measure the {name} stage.")
    raw_help = "what the download stage wrote (default: data/raw)"
    parser.add_argument("--raw", type=Path, default=Path("data/raw"), metavar="DIR", help=raw_help)
    parser.add_argument(f"--{what}", type=int, default=count, metavar="N", dest="count")
    memory_help = "numbers of files whose peak memory is compared"
    parser.add_argument("--memory", type=int, nargs=2, default=(1000, 20_000), metavar="N", help=memory_help)
    part_help = "measure only this, and keep the results of the other"
    parser.add_argument("--part", choices=("speed", "memory"), help=part_help)
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        sys.stdout.write(json.dumps(memory_of(options.memory_of, options.scratch)) + "\n")
        return 0
    load = os.getloadavg()[0]
    results = speeds(options.raw, options.count) if options.part != "memory" else {}
    if options.part != "speed":
        with tempfile.TemporaryDirectory() as scratch:
            keep_inputs(options.raw, Path(scratch))
            results["peak_memory"] = memory(sys.argv[0], options.memory, Path(scratch))
    write(name, results, load)
    return 0


def links(
    sources: Sequence[Path], folder: Path, count: int, columns: tuple[str, str, str], kind: str
) -> pd.DataFrame:
    """`count` links to the same few files, 10 to a person, and their inventory with these names of its id
    columns (clip or photo, person, video)."""
    folder.mkdir(parents=True)
    copies = [
        Path(shutil.copyfile(source, folder / f"{number}{source.suffix}"))
        for number, source in enumerate(sources)
    ]
    rows = []
    for number in range(count):
        source = copies[number % len(copies)]
        person = f"p{number // 10:05d}"
        path = folder / person / f"{number:07d}{source.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, path)
        rows.append(
            (
                f"{person}/{number:07d}",
                person,
                person,
                str(path.relative_to(folder)),
                kind,
                source.stat().st_size,
            )
        )
    return pd.DataFrame(rows, columns=[*columns, "path", "kind", "size_bytes"])


def elsewhere(work: Callable[[], Any]) -> None:
    """Do something in a process of its own, so that the memory it takes is not counted here."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise SystemExit(1)


def measured(work: Callable[[int], Any], few: int, many: int) -> dict[str, float]:
    """What items cost once everything runs: the difference between work(many) and work(few), by the clock and
    in time of cores.

    `few` are enough for every worker to start; the seconds that `few` took are among the results. Time of
    cores is that of this process and of those that it started: the figure to go by on a machine that others
    use, too.
    """

    def spent() -> float:
        return sum(
            sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )

    clock, cores = [], []
    for count in (few, many):
        used, began = spent(), time.perf_counter()
        work(count)
        clock.append(time.perf_counter() - began)
        cores.append(spent() - used)
    rest = many - few
    found = {
        "per_second": round(rest / (clock[1] - clock[0]), 1),
        "core_ms_each": round(1e3 * (cores[1] - cores[0]) / rest, 2),
        f"seconds_of_the_first_{few}": round(clock[0], 1),
    }
    sys.stderr.write(f"{many} items: {found}\n")
    return found


def beside(results: dict[str, dict[str, float]], what: str, bare: str) -> dict[str, float]:
    """How one rate compares with another: by the clock, and by the time of cores."""
    ours, theirs = results[what], results[bare]
    return {
        "by_clock": round(ours["per_second"] / theirs["per_second"], 2),
        "by_core_time": round(theirs["core_ms_each"] / ours["core_ms_each"], 2),
    }


def peak_mb(work: Callable[[], Any]) -> dict[str, float]:
    """Peak resident memory, of this process (ru_maxrss: run it in one of its own) and of its workers together
    (sampled), in MiB."""
    stop, most = threading.Event(), [0]

    def watch() -> None:
        me = psutil.Process()
        while not stop.wait(0.2):
            total = 0
            for (
                child
            ) in me.children():  # not theirs: one that is about to become ffmpeg looks as large as its worker
                try:
                    total += child.memory_info().rss
                except psutil.Error:
                    continue
            most[0] = max(most[0], total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    work()
    stop.set()
    watcher.join()
    return {
        "driver_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "workers_mb": round(most[0] / 2**20, 1),
    }


def memory(script: str, counts: Sequence[int], folder: Path) -> dict[str, Any]:
    """`peak_mb` of this script's `--memory-of COUNT`, each in a process of its own, and how the largest
    compares with the smallest."""
    found: dict[str, Any] = {}
    for count in counts:
        sys.stderr.write(f"peak memory of {count} files\n")
        command = [sys.executable, script, "--memory-of", str(count), "--scratch", str(folder)]
        found[f"{count}_files"] = json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        )
    first, last = (found[f"{count}_files"] for count in (counts[0], counts[-1]))
    found["growth"] = {name: round(last[name] / first[name], 3) for name in first}
    return found


def write(name: str, results: dict[str, Any], load: float) -> None:
    """Keep the results beside the machine; a part that was not measured now stays as it was."""
    path = Path(__file__).with_name("results") / f"{name}.json"
    before = json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else {}
    command, results = f"python benchmarks/{name}.py", {**before, **results}
    here = machine("opencv-python-headless", "onnxruntime", "imageio-ffmpeg", load=load)
    path.write_text(
        json.dumps({"command": command, "machine": here, "results": results}, indent=2) + "\n",
        encoding="utf-8",
    )
    sys.stdout.write(f"{json.dumps(results, indent=2)}\n{path}\n")
