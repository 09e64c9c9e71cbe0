"""Speed of one training step with the networks of Wen et al. 2019: this project's step beside one that
follows the published algorithm literally.

    python benchmarks/train_step.py                  writes benchmarks/results/train_step.json
    python benchmarks/train_step.py --device cuda    on a GPU: writes benchmarks/results/train_step_cuda.json
    python benchmarks/train_step.py --quick          one repeat at a small batch, written nowhere

* ours: `cgan.train` itself with `train.architecture: paper` and the paper's losses. The frozen voice encoder
  has run over all clips beforehand.
* literal (`literal_step.py`): the voice net is in the graph of every step and the trunk runs once for each
  head (twice on real faces; on generated ones
  once for D, twice for G). Nothing is frozen for a moment, voices and faces are read from files one by one,
  layers and Adam are torch's default ones.
 The two take turns, step by step, on the same machine in the same process, with a large matrix product beside
 each round. Data are made up: the cost does not depend on what they show. Each measurement runs in a process
 of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from literal_step import CLIPS, DIM, IDENTITIES, PAPER, SIZE_PX, Literal, write_files
from machine import machine
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from deepfacegen.config.schema import TrainConfig
from deepfacegen.data.batches import SAMPLE_RATE_HZ, FaceBatches, IdentityOrder, Manifest
from deepfacegen.data.shards import AudioShards, FaceShards, shard_path, write_array
from deepfacegen.encoders.speaker import WINDOWS, VoiceEncoder
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.pairs import Pairs
from deepfacegen.systems.prior.prior import Prior, Sizes
from deepfacegen.training.resume import Resume

RESULTS = Path(__file__).with_name("results")
STEPS, BATCH = 50_000, 128  # of the paper
STORED_PX = 128
# The paper's networks take only the size of faces from it.
UNUSED = Sizes(SIZE_PX, channels=4, max_channels=4, code_dim=2)


@dataclass(frozen=True)
class MadeUp:
    """A folder with face shards, 10 s of speech each for some clips, and, one file each, what the literal
    step reads."""

    folder: Path

    def write(self) -> None:
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 256, (2 * IDENTITIES, 8, 8, 3), dtype=np.uint8)
        faces = coarse.repeat(STORED_PX // 8, axis=1).repeat(STORED_PX // 8, axis=2)
        write_array(shard_path(self.folder / "faces", 0), faces)
        write_array(
            shard_path(self.folder / "audio", 0),
            rng.normal(0, 3000, 40 * 10 * SAMPLE_RATE_HZ).astype(np.int16),
        )
        write_files(self.folder, faces, rng)

    def manifest(self) -> Manifest:
        """Two clips and two faces of each of 924 people."""
        people, rows = np.arange(IDENTITIES), np.arange(2 * IDENTITIES)
        shared = {"label": rows % IDENTITIES, "split": "train", "shard": 0}
        faces = pd.DataFrame({**shared, "row": rows})
        return Manifest(
            pd.DataFrame({"identity_id": people.astype(str), "label": people, "split": "train"}),
            pd.DataFrame(shared),
            faces,
        )

    def photos(self) -> FaceShards:
        return FaceShards(self.folder / "faces")

    def train(
        self, config: TrainConfig, after: Callable[[int, Any, nn.Module], None] | None = None
    ) -> cgan.Trained:
        resume = Resume("train", {}, [], root=self.folder / "resume")
        return cgan.train(
            replace(config, checkpoint_every=config.steps + 1),
            self.manifest(),
            AudioShards(self.folder / "audio"),
            self.photos(),
            cast(VoiceEncoder, Embedded()),
            Prior.untrained(UNUSED),
            resume,
            after=after,
        )


@dataclass(frozen=True)
class Embedded:
    """Stands in for the voice encoder: descriptions are there already, as they are from the first step of a
    training on."""

    dim: int = DIM + 1

    def embed_windows(self, clips: pd.DataFrame, audio: AudioShards) -> Tensor:
        """Rows of the clips table -> unit embeddings with a pitch [N, WINDOWS, 65]."""
        random = torch.randn(len(clips), WINDOWS, self.dim, generator=torch.Generator().manual_seed(0))
        return torch.cat([F.normalize(random[..., :DIM], dim=-1), random[..., DIM:]], dim=-1)


def counter() -> FlopCounterMode:
    """Counts operations, also those of a matrix product in oneDNN, which torch's counter does not know."""
    return FlopCounterMode(
        display=False,
        custom_mapping={torch.ops.aten.mkldnn_linear: lambda a, b, *_, **__: 2 * math.prod(a) * b[0]},
    )


class Turns:
    """Called after each step of ours: notes its time, takes a matrix product and a literal step. The first
    round warms up and counts operations."""

    def __init__(self, literal: Literal) -> None:
        self.literal, self.device = literal, literal.device
        self.counting, self.ours_flop, self.literal_flop = ExitStack(), counter(), counter()
        self.seconds: dict[str, list[float]] = {"ours": [], "literal": []}
        self.products: dict[str, list[float]] = {}
        self.dtypes = (torch.float32, torch.bfloat16) if self.device.type == "cuda" else (torch.float32,)
        self.counting.enter_context(self.ours_flop)
        self._began = 0.0

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return perf_counter()

    def __call__(self, step: int, *_: object) -> None:
        if step == 0:
            self.counting.close()
            with self.literal_flop:
                self.literal.step()
            self.literal.waited_seconds = 0.0
            for dtype in self.dtypes:
                self.product(dtype)
            self.products.clear()
        else:
            self.seconds["ours"].append(self.now() - self._began)
            for dtype in self.dtypes:
                self.product(dtype)
            began = self.now()
            self.literal.step()
            self.seconds["literal"].append(self.now() - began)
        self._began = self.now()

    def product(self, dtype: torch.dtype) -> None:
        """Adds the GFLOP/s of a large square matrix product, also as a pointwise convolution: the two may run
        in different libraries."""
        side = 8192 if self.device.type == "cuda" else 2048
        matrix = torch.ones(side, side, device=self.device, dtype=dtype)
        image, kernel = (
            matrix.view(1, 64, side // 64, side).permute(0, 3, 1, 2),
            matrix.view(side, side, 1, 1),
        )
        for name, work in (
            ("matmul", partial(torch.mm, matrix, matrix)),
            ("convolution", partial(F.conv2d, image, kernel)),
        ):
            began = self.now()
            work()
            rate = 2 * side**3 / 1e9 / (self.now() - began)
            self.products.setdefault(f"{name}_{str(dtype).removeprefix('torch.')}", []).append(rate)


def step(folder: Path, device: str, batch: int, repeats: int) -> dict[str, Any]:
    """Images per second of both steps, and the arithmetic they do per second beside that of a matrix
    product."""
    torch.manual_seed(0)
    config = replace(PAPER, batch=batch, steps=repeats + 1)
    literal = Literal(folder, config, torch.device(device))
    turns = Turns(literal)
    MadeUp(folder).train(config, turns)
    result: dict[str, Any] = {"batch": batch, "repeats": repeats, "threads": torch.get_num_threads()}
    products = {what: round(float(np.median(p)), 1) for what, p in turns.products.items()}
    for name, counted in (("ours", turns.ours_flop), ("literal", turns.literal_flop)):
        seconds, gflop = float(np.median(turns.seconds[name])), counted.get_total_flops() / 1e9
        dtype = "bfloat16" if name == "ours" and device == "cuda" else "float32"
        result[name] = {
            "images_per_second": round(batch / seconds, 1),
            "seconds_per_step": round(seconds, 4),
            "seconds_of_each": [round(s, 4) for s in turns.seconds[name]],
            "gflop_per_image": round(gflop / batch, 3),
            "gflop_per_second": round(gflop / seconds, 1),
            "share_of_product": round(
                gflop / seconds / max(products[f"{kind}_{dtype}"] for kind in ("matmul", "convolution")), 3
            ),
            "precision": dtype,
        }
    result["literal"]["waited_share"] = round(literal.waited_seconds / sum(turns.seconds["literal"]), 4)
    return {
        **result,
        "product_gflop_per_second": products,
        "times_faster": round(result["literal"]["seconds_per_step"] / result["ours"]["seconds_per_step"], 2),
    }


def data(folder: Path, device: str, batch: int, steps: int) -> dict[str, Any]:
    """The share of our training that waits for batches, and what running the voice encoder once adds to a
    training as long as the paper's."""
    made_up = MadeUp(folder)
    effort = made_up.train(replace(PAPER, batch=batch, steps=steps)).effort
    people, order = made_up.manifest(), IdentityOrder(IDENTITIES, batch, PAPER.seed)
    conditions = np.zeros((len(people.clips), WINDOWS, DIM), dtype=np.float32)
    make = Pairs(
        order, conditions, people.clips["label"].to_numpy(), FaceBatches(people.faces, made_up.photos())
    )
    began = perf_counter()
    for i in range(20):
        make(i)
    batch_seconds = (perf_counter() - began) / 20
    length = 10 * SAMPLE_RATE_HZ
    clips = pd.DataFrame({"shard": 0, "offset_samples": np.arange(40) * length, "length_samples": length})
    encoder = VoiceEncoder(VoiceModel("wen", "band"), torch.device(device))
    encoder.embed_windows(clips[:2], AudioShards(folder / "audio"))
    began = perf_counter()
    encoder.embed_windows(clips, AudioShards(folder / "audio"))
    per_clip = (perf_counter() - began) / len(clips)
    once, training = CLIPS * per_clip, STEPS * BATCH * effort.seconds / (steps * batch)
    return {
        "batch": batch,
        "steps": steps,
        "waited_share": round(effort.waited_share, 4),
        "batch_milliseconds": round(1000 * batch_seconds, 2),
        "voices_clips_per_second": round(1 / per_clip, 1),
        "voices_share_of_training": round(once / (once + training), 4),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Speed of one training step with the networks of Wen et al. 2019."
    )
    parser.add_argument("--quick", action="store_true", help="one repeat at a small batch, written nowhere")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="where the networks are (default: cpu)"
    )
    arguments = parser.parse_args()
    quick, device = arguments.quick, arguments.device
    results: dict[str, dict[str, Any]] = {}
    batches: tuple[tuple[int, int], ...]
    with TemporaryDirectory() as name:
        folder = Path(name)
        MadeUp(folder).write()
        os.environ["DEEPFACEGEN_DEVICE"] = device  # where `cgan.train` puts its networks
        batches, steps = (((32, 5), (BATCH, 2)), 12) if device == "cpu" else (((32, 50), (BATCH, 50)), 500)
        if quick:
            batches, steps = ((8, 1),), 2
        works = {
            f"{device}_step_{batch}": partial(step, folder, device, batch, repeats)
            for batch, repeats in batches
        }
        for what, work in {
            **works,
            f"{device}_data": partial(data, folder, device, batches[0][0], steps),
        }.items():
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                results[what] = process.submit(work).result()
            sys.stdout.write(f"{what}: {json.dumps(results[what])}\n")
            sys.stdout.flush()
    if quick:
        return 0
    here = machine("torch")
    if device == "cuda":
        here["gpu"] = torch.cuda.get_device_name()
    command = "python benchmarks/train_step.py" + (" --device cuda" if device == "cuda" else "")
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / ("train_step.json" if device == "cpu" else "train_step_cuda.json")
    out.write_text(
        json.dumps({"command": command, "machine": here, "results": results}, indent=2) + "\n",
        encoding="utf-8",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
