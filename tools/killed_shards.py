"""Kill the audio stage at random moments, and compare its shards with those of an undisturbed run.

    python tools/killed_shards.py --kills 20

Run it after `dvc repro download`. The stage runs over the sample people's voices in a temporary folder, in
small shards; a worker or the whole run is killed. The output says how many finished shards were done again
(there should be none) and whether the bytes are the same (they should be).
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from deepfacegen.config.schema import load, to_dict

SCRIPT = Path(__file__).parents[1] / "stages/audio.py"
STAT_PARENT = 1  # of what follows the name in /proc/<pid>/stat


def prepare(folder: Path, raw: Path, clips_per_shard: int) -> None:
    """A folder in which the stage can run by itself."""
    config = load()
    small = dataclasses.replace(
        config, audio=dataclasses.replace(config.audio, clips_per_shard=clips_per_shard)
    )
    (folder / "params.yaml").write_text(yaml.safe_dump(to_dict(small)), encoding="utf-8")
    (folder / "data").mkdir()
    (folder / "data/raw").symlink_to(raw.resolve())


def start(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "DVC_ROOT": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT)], cwd=folder, env=environment, stdout=out, stderr=out
        )


def outputs(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "data/audio").iterdir())
        if path.is_file()
    }


def receipts(folder: Path) -> dict[str, tuple[int, int]]:
    """Receipt of each finished shard -> time of change (ns) and inode."""
    found = {}
    for path in folder.glob(".cache/resume/audio/*/*/receipt.json"):
        try:
            state = path.stat()
        except FileNotFoundError:  # the run has just ended and cleared them
            continue
        found[str(path.relative_to(folder))] = (state.st_mtime_ns, state.st_ino)
    return found


def workers(parent: int) -> list[int]:
    """Process ids of the run's workers (not of ffmpeg, nor of the resource tracker)."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[STAT_PARENT]) == parent and b"loky" in command and b"resource_tracker" not in command:
            found.append(int(path.name))
    return found


def kill_once(folder: Path, log: Path, rng: random.Random, longest: float, whole: bool) -> str:
    """Start the stage and kill its driver, or a worker and then the driver, at random moments.

    Returns what was killed, or "" when the run ended before.
    """
    process = start(folder, log)
    try:
        process.wait(rng.uniform(0.0, longest))
        return ""
    except subprocess.TimeoutExpired:
        pass
    if not whole:
        deadline = time.monotonic() + longest
        while not (alive := workers(process.pid)) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if alive:
            os.kill(rng.choice(alive), signal.SIGKILL)
            time.sleep(rng.uniform(0.0, longest / 4))
    if process.poll() is not None:
        return ""
    process.send_signal(signal.SIGKILL)
    process.wait()
    return "the driver" if whole else "a worker, then the driver"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Kill the audio stage at random moments, and compare its shards."
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument(
        "--raw",
        type=Path,
        default=Path("data/raw"),
        metavar="DIR",
        help="what the download stage wrote (default: data/raw)",
    )
    parser.add_argument("--clips-per-shard", type=int, default=12, metavar="N")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    if not (options.raw / "voices/inventory.parquet").is_file():
        sys.stderr.write(
            f"error: {options.raw}/voices/inventory.parquet: no such file; run `dvc repro download` first\n"
        )
        return 1
    rng, killed, again = random.Random(options.seed), 0, 0
    with tempfile.TemporaryDirectory() as name:
        calm, wild = Path(name, "calm"), Path(name, "wild")
        for folder in (calm, wild):
            folder.mkdir()
            prepare(folder, options.raw, options.clips_per_shard)
        began = time.monotonic()
        if start(calm, calm / "log").wait():
            sys.stderr.write((calm / "log").read_text())
            return 1
        seconds = time.monotonic() - began
        while killed < options.kills:
            before = receipts(wild)
            # At most half of an undisturbed run, so that there is work left to kill.
            what = kill_once(wild, wild / "log", rng, seconds / 2, whole=killed % 2 == 0)
            if not what or (before and not receipts(wild)):  # or killed when all was in place
                # The run has ended: begin again, since only unfinished work can be killed.
                if outputs(wild) != outputs(calm):
                    break
                continue
            after = receipts(wild)
            killed, redone = killed + 1, sum(after.get(path) != state for path, state in before.items())
            again += redone
            shards = f"{len(before)} shards finished before, {len(after)} after, {redone} done again"
            sys.stdout.write(f"kill {killed}: {what}; {shards}\n")
            sys.stdout.flush()
        ended = start(wild, wild / "log").wait()
        same = ended == 0 and outputs(wild) == outputs(calm)
        left = list(wild.glob(".cache/resume/audio/*"))
    sys.stdout.write(
        f"{killed} kills: {again} finished shards were done again, "
        f"the bytes are {'the same' if same else 'NOT the same'}, "
        f"{len(left)} resume folders are left ({seconds:.0f} s undisturbed)\n"
    )
    return 0 if same and not again and not left else 1


if __name__ == "__main__":
    sys.exit(main())
