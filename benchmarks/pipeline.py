"""What stages cost beside their own work: CPU and wall seconds of each with and without tracking, and two
trainings side by side beside one.

    python benchmarks/pipeline.py                        writes benchmarks/results/pipeline.json
    python benchmarks/pipeline.py --stages photos manifest

To be run in a clone in which the pipeline has run: each stage runs as `dvc repro` runs it and writes what it
wrote before, without DVC. Runs go to a store of the benchmark's own. CPU
seconds are those of the stage and of its workers, without the sender, which works while the stage does: the
figure to go by where others use the cores, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from machine import machine

from deepfacegen import threads
from deepfacegen.tracking import sender

OUT = Path(__file__).with_name("results") / "pipeline.json"
# A training step of the size of the sample people's networks, on all cores.
STEPS = """
import time, torch
import deepfacegen
net = torch.nn.Sequential(*[torch.nn.Conv2d(16 if i else 3, 16, 3, padding=1) for i in range(6)])
faces, optimiser = torch.randn(16, 3, 64, 64), torch.optim.Adam(net.parameters())
for step in range(43):
    if step == 3:
        began = time.perf_counter()
    optimiser.zero_grad(); net(faces).square().mean().backward(); optimiser.step()
print(time.perf_counter() - began)
"""


def commands() -> dict[str, list[str]]:
    """Stage -> the command of it, in DVC's order."""
    found = {}
    for name, entry in yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        body = entry.get("do", entry)
        items = entry.get("matrix", {}).get("system") or entry.get("foreach") or [""]
        for item in items if not isinstance(items, str) else []:
            command = str(body["cmd"]).replace("${item.system}", item).replace("${key}", item)
            found[f"{name}@{item}" if item else name] = [sys.executable, *command.split()[1:]]
    return found


def measured(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    """Raises CalledProcessError when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise subprocess.CalledProcessError(status, list(command))
    return {"cpu_seconds": round(used.ru_utime + used.ru_stime, 2), "wall_seconds": round(seconds, 2)}


def overhead(name: str, command: Sequence[str], store: Path, repeats: int) -> dict[str, Any]:
    """The quickest of some runs, by CPU seconds."""
    own = {"MLFLOW_TRACKING_URI": f"sqlite:///{store}/mlflow.db", "DVC_ROOT": str(store)}
    modes = {"without": {"DEEPFACEGEN_TRACKING": "off"}, "with": {"DEEPFACEGEN_TRACKING": "on", **own}}
    runs: dict[str, list[dict[str, float]]] = {mode: [] for mode in modes}
    for _ in range(repeats):
        for mode, more in modes.items():
            runs[mode].append(measured(command, {**os.environ, **more}))
    best = {mode: min(each, key=lambda run: run["cpu_seconds"]) for mode, each in runs.items()}
    difference = {key: round(best["with"][key] - best["without"][key], 2) for key in best["with"]}
    sys.stderr.write(f"{name}: {best}, {difference}\n")
    return {**best, "tracking": difference}


def side_by_side(policy: str) -> dict[str, float]:
    """Seconds of two trainings that begin together, and of one alone."""
    environment = {**os.environ, "OMP_WAIT_POLICY": policy, "OMP_NUM_THREADS": str(threads.cores())}

    def seconds(count: int) -> float:
        command = [sys.executable, "-c", STEPS]
        pipe: dict[str, Any] = {"env": environment, "stdout": subprocess.PIPE, "text": True}
        started = [subprocess.Popen(command, **pipe) for _ in range(count)]
        return max(float(process.communicate()[0]) for process in started)

    one, two = seconds(1), seconds(2)
    return {"one_seconds": round(one, 2), "two_seconds": round(two, 2), "ratio": round(two / one, 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stages", nargs="*", help="these alone (default: all of dvc.yaml)")
    parser.add_argument("--repeats", type=int, default=1)
    chosen = parser.parse_args()
    load, every = os.getloadavg()[0], commands()
    with tempfile.TemporaryDirectory(prefix="deepfacegen-") as folder:
        os.environ |= {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "DVC_ROOT": folder}
        stages = {
            name: overhead(name, every[name], Path(folder), chosen.repeats) for name in chosen.stages or every
        }
        left = sender.finished(600.0)
    results = {"stages": stages, "runs_not_sent": left}
    if threads.cores() > 1:  # on one, threads neither wait nor spin
        results["side_by_side"] = {policy: side_by_side(policy) for policy in ("PASSIVE", "ACTIVE")}
    here = {**machine("torch", "mlflow", "dvc", load=load), "cores": threads.cores()}
    text = {"command": f"python benchmarks/pipeline.py {' '.join(sys.argv[1:])}".strip()}
    OUT.write_text(json.dumps({**text, "machine": here, "results": results}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
