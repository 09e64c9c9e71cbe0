"""What ranks do together, on two plain processes without a launcher: norms over the whole batch, one resume
point, and the death of one of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.errors import UserError
from deepfacegen.stage import run_stage
from deepfacegen.training import batch_norm

pytestmark = [pytest.mark.torchrun, pytest.mark.xdist_group("plain_ranks")]
RANK_PROGRAM = """
import json, os, sys
from pathlib import Path
import torch
from torch import nn
from deepfacegen import distributed
from deepfacegen.errors import UserError
from deepfacegen.training import batch_norm
from deepfacegen.training.loop import fit
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics

torch.set_num_threads(1)
distributed.start()
folder, rank = Path(sys.argv[1]), distributed.rank()
plane = nn.Sequential(nn.Unflatten(2, (2, 2)), nn.BatchNorm2d(3, momentum=0.2), nn.Flatten())
network = nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), plane, nn.Linear(12, 4),
                        nn.BatchNorm1d(4, momentum=0.3), nn.Linear(4, 2))
network.load_state_dict(torch.load(folder / "network.pt", weights_only=True))
batch, told = torch.load(folder / "batch.pt", weights_only=True), {}

batch_norm.share_statistics(network)
mine = batch[rank::2].requires_grad_()
network.train()
loss = network(mine).square().mean()
loss.backward()
distributed.sync_gradients(network.parameters())
network.eval()
told["input gradient"] = mine.grad.tolist()
told["gradients"] = {name: p.grad.tolist() for name, p in network.named_parameters()}
told["state"] = {name: tensor.tolist() for name, tensor in network.state_dict().items()}
told["drawn later"] = network(batch).tolist() if rank == 0 else None  # evaluation needs no other rank
told["extremes"] = distributed.extremes(10 * rank - 3)

layer = nn.Linear(1, 1)
resume = Resume("toy", {}, [], folder / f"disk of {rank}")
if rank == 0:
    resume.save({"layer": layer.state_dict(), "statistics": {"rows": [], "pending": {}}, "step": 8})
def train():
    fit("toy", steps=9, batch=lambda i: i, step=lambda i, _: {"loss": distributed.mean(layer.bias.sum())},
        state={"layer": layer}, statistics=Statistics(4), resume=resume, checkpoint_every=4)
try:
    train()
except UserError as error:
    told["two resume points"] = str(error)
resume.clear()
if rank == 1:
    (folder / "1.json").write_text(json.dumps(told))
    os._exit(9)  # without a word to the others
try:
    train()
except UserError as error:
    told["alone"] = str(error)
(folder / "0.json").write_text(json.dumps(told))
"""


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    plane = nn.Sequential(nn.Unflatten(2, (2, 2)), nn.BatchNorm2d(3, momentum=0.2), nn.Flatten())
    return nn.Sequential(
        nn.Conv1d(2, 3, 3),
        nn.BatchNorm1d(3),
        plane,
        nn.Linear(12, 4),
        nn.BatchNorm1d(4, momentum=0.3),
        nn.Linear(4, 2),
    )


@pytest.fixture(scope="module")
def batch() -> Tensor:
    return torch.randn(6, 2, 6, generator=torch.Generator().manual_seed(1)) + 1


@pytest.fixture(scope="module")
def told(network: nn.Module, batch: Tensor, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    torch.save(network.state_dict(), folder / "network.pt")
    torch.save(batch, folder / "batch.pt")
    (folder / "program.py").write_text(RANK_PROGRAM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {
        **os.environ,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "DEEPFACEGEN_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(folder / "program.py"), str(folder)]
    ranks = [
        subprocess.Popen(command, env={**shared, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in ranks]
    finally:
        for process in ranks:
            process.kill()
    assert [process.returncode for process in ranks] == [0, 9], errors
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_batch_norm_over_ranks_is_batch_norm_over_the_whole_batch(
    told: list[dict[str, Any]], network: nn.Module, batch: Tensor
) -> None:
    """Gradients of parameters and of the input, running statistics and what is drawn from them: as torch's
    own on one process."""
    whole = batch.clone().requires_grad_()
    network.train()
    network(whole).square().mean().backward()
    network.eval()
    assert whole.grad is not None
    for rank, ours in enumerate(told):
        # Each rank's loss is a mean over half of the items, of which the mean over ranks is taken.
        torch.testing.assert_close(
            torch.tensor(ours["input gradient"]) / 2, whole.grad[rank::2], atol=1e-6, rtol=1e-4
        )
        assert ours["gradients"].keys() == dict(network.named_parameters()).keys()
        for name, parameter in network.named_parameters():
            torch.testing.assert_close(
                torch.tensor(ours["gradients"][name]), parameter.grad, atol=1e-6, rtol=1e-4
            )
        assert list(ours["state"]) == list(network.state_dict())
        for name, tensor in network.state_dict().items():
            torch.testing.assert_close(torch.tensor(ours["state"][name]), tensor, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(torch.tensor(told[0]["drawn later"]), network(batch), atol=1e-5, rtol=1e-5)
    assert told[0]["state"] == told[1]["state"]


def test_all_ranks_know_the_lowest_and_the_highest(told: list[dict[str, Any]]) -> None:
    assert [ours["extremes"] for ours in told] == [[-3, 7]] * 2


def test_ranks_that_would_resume_at_different_steps_stop(told: list[dict[str, Any]]) -> None:
    for ours in told:
        assert ours["two resume points"].startswith(
            "toy: one process would go on from step 0, another from step 8"
        )


def test_who_is_left_alone_says_so(told: list[dict[str, Any]]) -> None:
    assert "alone" not in told[1]
    assert told[0]["alone"].startswith("another process of this run ended; start the run again")


def test_alone_there_is_nothing_to_share(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    before = [type(module) for module in network.modules()]
    batch_norm.share_statistics(network)
    assert [type(module) for module in network.modules()] == before
    assert distributed.extremes(4) == (4, 4)
    assert distributed.share(7, parts=2) == 7


def test_a_process_without_a_gpu_of_its_own_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPFACEGEN_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert distributed.device() == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UserError, match="2 GPUs for 3 or more processes"):
        distributed.device()


def test_other_ranks_tell_nothing_but_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANK", "2")
    Path("params.yaml").write_text("split:\n  seed: 4\n")

    def fails(*_: object) -> None:
        raise UserError("no disk left")

    for main, arguments in ((lambda *_: {}, []), (fails, ["--dry-run"])):
        run_stage("demo", ("split",), main, Path("metrics/demo.json"), arguments=arguments)
        assert capsys.readouterr() == ("", "")
    with pytest.raises(SystemExit):
        run_stage("demo", ("split",), fails, Path("metrics/demo.json"), arguments=[])
    assert capsys.readouterr().err == "error (process 2): no disk left\n"
