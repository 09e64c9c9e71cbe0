"""Speed of the 68 points (`faces.landmarks: fan68`): faces a second through a FAN, by batch, on a GPU if
there is one and on a CPU.

    python benchmarks/fan.py            writes benchmarks/results/fan.json

Weights are random: the cost does not depend on them. The network is read from the file encoders/fan.py of the
package face_alignment, which needs torch alone; where the package is not installed, --network names that
file. "network" is the network by itself, on faces that are already on the device; "whole" is what the stage
waits for: cut from 640 px pictures on one core, carried over, computed, read. Beside torch, this needs numpy
only:

    PYTHONPATH=src python benchmarks/fan.py --network face_alignment/models/fan.py --out fan.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from deepfacegen.encoders import fan

OUT = Path(__file__).with_name("results") / "fan.json"
MODULES = 4  # stacked hourglasses: 2DFAN-4
REFERENCE_SCALE = 165  # of boxes by YuNet
PICTURE_PX, BOX = (480, 640, 3), (250.0, 150.0, 120.0, 150.0)
GPU_BATCHES, CPU_BATCHES = (1, 8, 32, 64, 128, 256), (1, 4, 8)
SECONDS = 3.0


def network_file() -> Path:
    spec = importlib.util.find_spec("face_alignment")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("face_alignment is not installed; name its encoders/fan.py with --network")
    return Path(next(iter(spec.submodule_search_locations))) / "encoders/fan.py"


def read(path: Path) -> torch.nn.Module:
    spec = importlib.util.spec_from_file_location("face_alignment_fan", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    return module.FAN(MODULES).eval()


def rate(work: Callable[[], object], faces: int, device: torch.device) -> float:
    """Faces a second over about SECONDS, after two runs that are not counted."""

    def once() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    once()
    once()
    began, runs = perf_counter(), 0
    while runs < 3 or perf_counter() - began < SECONDS:
        once()
        runs += 1
    return round(runs * faces / (perf_counter() - began), 2)


def measure(
    network: torch.nn.Module, device: torch.device, dtype: torch.dtype, batches: tuple[int, ...]
) -> list[dict[str, Any]]:
    network = network.to(device, dtype)
    picture, rows = np.random.default_rng(0).integers(0, 256, PICTURE_PX, dtype=np.uint8), []
    for batch in batches:
        faces = torch.rand(batch, 3, fan.INPUT_PX, fan.INPUT_PX, device=device, dtype=dtype)
        pictures, boxes = [picture] * batch, np.tile(np.array(BOX), (batch, 1))

        def alone(faces: torch.Tensor = faces) -> object:
            with torch.inference_mode():
                return network(faces)[-1]

        def whole(pictures: list[np.ndarray] = pictures, boxes: np.ndarray = boxes) -> object:
            return fan.landmarks(network, pictures, boxes, REFERENCE_SCALE, device, dtype, len(pictures))

        row = {
            "batch": batch,
            "network_faces_per_second": rate(alone, batch, device),
            "whole_faces_per_second": rate(whole, batch, device),
        }
        if device.type == "cuda":
            row["peak_bytes"] = torch.cuda.max_memory_allocated(device)
            torch.cuda.reset_peak_memory_stats(device)
        rows.append(row)
        print(device, dtype, row, flush=True)
    return rows


def agreement(network: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """Points on this device and in this type beside those of float32 on the CPU, in shares of the cut's side,
    on 8 smooth pictures."""
    coarse = torch.rand(8, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    faces = torch.nn.functional.interpolate(coarse, (fan.INPUT_PX, fan.INPUT_PX), mode="bicubic").clamp(0, 1)
    with torch.inference_mode():
        right = fan.places(network.to("cpu", torch.float32)(faces)[-1])
        found = fan.places(network.to(device, dtype)(faces.to(device, dtype))[-1]).cpu()
    apart = (right - found).norm(dim=2)
    return {
        "median": float(apart.median()),
        "share_within_a_cell": float((apart < 1.5 / fan.MAP_PX).float().mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", type=Path, help="encoders/fan.py of the package face_alignment")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    path = options.network or network_file()
    found: dict[str, Any] = {
        "machine": {"cpu": platform.processor() or platform.machine(), "torch": torch.__version__}
    }
    if torch.cuda.is_available():
        device = torch.device("cuda")
        found["machine"]["gpu"] = torch.cuda.get_device_name(device)
        for dtype in (torch.float32, torch.float16):
            name = f"gpu_{str(dtype).removeprefix('torch.')}"
            found[name] = measure(read(path), device, dtype, GPU_BATCHES)
            found[f"{name}_agreement"] = agreement(read(path), device, dtype)
    torch.set_num_threads(1)
    found["cpu_one_core"] = measure(read(path), torch.device("cpu"), torch.float32, CPU_BATCHES)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
