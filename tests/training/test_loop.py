"""The shared loop: curves, resume after a crash, keys of resume points."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from deepfacegen.training.loop import fit, seeded
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics


def run(root: Path, steps: int = 20, crash_at: int | None = None, lr: float = 0.1) -> tuple[torch.Tensor, Statistics, int]:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    optimiser = torch.optim.Adam(network.parameters(), lr)

    def step(i: int, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        if i == crash_at:
            raise KeyboardInterrupt
        loss = (network(batch) + 0.1 * torch.randn(4, 1, generator=seeded(1, i))).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return {"loss": loss}

    statistics = Statistics(every=4)
    resume = Resume("toy", {"toy.lr": lr}, [], root)
    effort = fit(
        "toy",
        steps=steps,
        batch=lambda i: torch.randn(4, 3, generator=seeded(2, i)),
        step=step,
        state={"network": network, "optimiser": optimiser},
        statistics=statistics,
        resume=resume,
        checkpoint_every=3,
    )
    return network.weight.detach().clone(), statistics, effort.resumed_at


@pytest.mark.parametrize("crash_at", [1, 5, 13, 19])
def test_a_resumed_run_ends_with_the_same_weights_and_curve(tmp_path: Path, crash_at: int) -> None:
    expected, curve, _ = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "crashed", crash_at=crash_at)
    weights, resumed_curve, resumed_at = run(tmp_path / "crashed")
    assert torch.equal(weights, expected)
    assert resumed_curve.rows == curve.rows
    assert resumed_at <= crash_at
    assert (resumed_at > 0) == (crash_at >= 4)


def test_another_learning_rate_never_picks_up_the_weights(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, crash_at=13)
    assert run(tmp_path, lr=0.2)[2] == 0


def test_a_half_written_resume_point_is_ignored(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, crash_at=13)
    state = next(tmp_path.rglob("state.pt"))
    (state.parent / "state.tmp").write_bytes(b"half")
    assert run(tmp_path)[2] == 12


def test_changed_input_bytes_change_the_key(tmp_path: Path) -> None:
    file = tmp_path / "in" / "a.parquet"
    file.parent.mkdir()
    file.write_bytes(b"one")
    first = Resume("toy", {}, [tmp_path / "in"], tmp_path).folder
    assert Resume("toy", {}, [tmp_path / "in"], tmp_path).folder == first
    file.write_bytes(b"two")
    assert Resume("toy", {}, [tmp_path / "in"], tmp_path).folder != first


def test_clear_removes_the_resume_point(tmp_path: Path) -> None:
    resume = Resume("toy", {}, [], tmp_path)
    resume.save({"step": 3})
    assert resume.load() == {"step": 3}
    resume.clear()
    assert resume.load() is None


def test_curves_hold_means_over_steps(tmp_path: Path) -> None:
    statistics = Statistics(every=2)
    for i, value in enumerate((1.0, 3.0, 5.0, 9.0)):
        statistics.add(i, {"loss": torch.tensor(value), **({"rare": torch.tensor(value)} if i == 3 else {})})
    assert statistics.rows == [{"step": 2, "loss": 2.0}, {"step": 4, "loss": 7.0, "rare": 9.0}]
    assert statistics.last("loss") == 4.5
    statistics.write_csv(tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text() == "step,loss,rare\n2,2.0,\n4,7.0,9.0\n"


def test_an_error_in_the_data_thread_reaches_the_user(tmp_path: Path) -> None:
    def broken(i: int) -> torch.Tensor:
        raise ValueError("no such shard")

    with pytest.raises(ValueError, match="no such shard"):
        fit(
            "toy",
            steps=3,
            batch=broken,
            step=lambda i, b: {},
            state={},
            statistics=Statistics(1),
            resume=Resume("t", {}, [], tmp_path),
            checkpoint_every=5,
        )
