"""Kill the training of the conditional GAN again and again, also while it writes a resume point, and compare
what it ends with.

    python tools/killed.py --kills 20
 Run where `dvc repro` has been (its models/cgan is what to compare with, and is replaced by equal bytes).
 Every second kill waits for a write of a resume point and strikes in it, the others come at random. A small
 train.checkpoint_every in params.yaml makes such moments frequent and does not change the weights. MLflow
 keeps what it records of this in .cache.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

MODELS, RESUME = Path("models/cgan"), Path(".cache/resume/train")
COMMAND = [sys.executable, "stages/train.py"]
ENVIRONMENT = {**os.environ, "MLFLOW_TRACKING_URI": "sqlite:///.cache/killed.db"}


def digests() -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(MODELS.glob("*.safetensors"))
    }


def kill_once(how: str, seconds: float, log: Path) -> bool:
    """Start the training and kill it and its children; False when it was done before."""
    for stale in RESUME.glob(
        "*/state.tmp"
    ):  # of an earlier kill: nothing reads it, and it must not be taken for a write of this run
        stale.unlink()
    with log.open("ab") as out:
        process = subprocess.Popen(COMMAND, stdout=out, stderr=out, start_new_session=True, env=ENVIRONMENT)
        began, patience = time.monotonic(), 120.0 if how == "write" else seconds
        while process.poll() is None and time.monotonic() - began < patience:
            if how == "write" and time.monotonic() - began > seconds and any(RESUME.glob("*/state.tmp")):
                break
            time.sleep(0.0005 if how == "write" else 0.05)
        if process.poll() is not None:
            return False
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return True


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Kill the training again and again, and compare its weights with those of an "
        "uninterrupted one."
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    expected = digests()
    if not expected:
        sys.stderr.write(f"error: {MODELS}: no trained model to compare with; run `dvc repro train` first\n")
        return 1
    rng, log, killed, in_write = random.Random(options.seed), Path(".cache/killed.log"), 0, 0
    log.parent.mkdir(exist_ok=True)
    for path in MODELS.iterdir():
        path.unlink()
    for k in range(options.kills):
        how, seconds = ("write" if k % 2 else "anywhere"), rng.uniform(4, 20)
        if not kill_once(how, seconds, log):
            break
        left = any(RESUME.glob("*/state.tmp"))
        killed, in_write = killed + 1, in_write + int(left)
        sys.stderr.write(
            f"kill {k + 1}: {how}, after {seconds:.0f} s or "
            f"more{', a half-written resume point is left' if left else ''}\n"
        )
    done = subprocess.run(COMMAND, check=False, env=ENVIRONMENT)
    same = done.returncode == 0 and digests() == expected
    sys.stdout.write(
        f"{killed} kills, {in_write} of them inside the write of a resume point: the "
        f"weights are {'the same' if same else 'NOT the same'}\n"
    )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
