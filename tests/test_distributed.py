"""Gradient sync: a no-op alone, an average over two real gloo processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from deepfacegen import distributed
from deepfacegen.errors import UserError

RANK_PROGRAM = """
import json, sys, torch
from torch import nn
from deepfacegen import distributed

torch.set_num_threads(1)
distributed.start()
rank = distributed.rank()
torch.manual_seed(rank)
network = nn.Linear(2, 1)
distributed.broadcast(network)
network(torch.full((1, 2), float(rank + 1))).sum().backward()
distributed.sync_gradients(network.parameters())
mean = float(distributed.mean(torch.tensor(float(rank))))
found = {"weight": network.weight.tolist(), "gradient": network.weight.grad.tolist(), "mean": mean}
network.weight.grad = network.weight.grad if rank == 0 else None
try:
    distributed.sync_gradients(network.parameters())
except RuntimeError as error:
    found["error"] = str(error)
open(f"{sys.argv[1]}/{rank}.json", "w").write(json.dumps(found))
distributed.stop()
"""


@pytest.mark.torchrun
def test_two_ranks_share_weights_and_average_gradients(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(RANK_PROGRAM)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        str(program),
        str(tmp_path),
    ]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first["weight"] == second["weight"]
    assert first["gradient"] == second["gradient"] == [[1.5, 1.5]]
    assert first["mean"] == second["mean"] == 0.5
    assert "disagree" in first["error"]
    assert "disagree" in second["error"]


def test_alone_everything_is_a_no_op(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    network = nn.Linear(2, 1)
    network(torch.ones(1, 2)).sum().backward()
    before = network.weight.grad.clone()
    distributed.sync_gradients(network.parameters())
    assert torch.equal(network.weight.grad, before)
    assert distributed.share(7) == 7


def test_an_uneven_batch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="cannot be shared by 2"):
        distributed.share(7)


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.setenv("DEEPFACEGEN_DEVICE", "cuda:0")
    with pytest.raises(UserError, match="no usable GPU"):
        distributed.device()


@pytest.mark.parametrize("name", ["meta", "xla", "vulkan", "mtia", "abacus", ""])
def test_a_device_that_cannot_compute_is_refused_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_DEVICE", name)
    with pytest.raises(
        UserError, match=f"^DEEPFACEGEN_DEVICE={name}: cannot be used here .*choose cpu"
    ) as told:
        distributed.device()
    assert "\n" not in str(told.value)
