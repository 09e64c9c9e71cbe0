"""The shared loop: curves, resume after a crash, keys of resume points, and the stop of a run that
diverges."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from deepfacegen.config.schema import Config
from deepfacegen.errors import UserError
from deepfacegen.stage import run_stage
from deepfacegen.tracking.run import Tracker
from deepfacegen.training.loop import fit
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics
from deepfacegen.training.steps import seeded

Lossy = Callable[[int, torch.Tensor], torch.Tensor]
Damage = Callable[[int, nn.Linear, torch.optim.Optimizer], None]


def run(
    root: Path,
    steps: int = 20,
    crash_at: int | None = None,
    lr: float = 0.1,
    change: Lossy = lambda i, loss: loss,
    damage: Damage = lambda i, network, optimiser: None,
) -> tuple[torch.Tensor, Statistics, int]:
    """`change` is done to the loss of a step, `damage` to the weights and the optimiser after it."""
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    optimiser = torch.optim.Adam(network.parameters(), lr)

    def step(i: int, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        if i == crash_at:
            raise KeyboardInterrupt
        loss = (network(batch) + 0.1 * torch.randn(4, 1, generator=seeded(1, i))).square().mean()
        loss = change(i, loss)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        damage(i, network, optimiser)
        return {"loss": loss, **({"rare": loss * 2} if i % 3 == 0 else {})}

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
    assert resumed_at == crash_at // 3 * 3


@pytest.mark.parametrize(
    ("crash_at", "note"),
    [(1, "no resume point yet, it begins anew"), (13, "the same command goes on from step 12 of 20")],
)
def test_whoever_stops_it_learns_where_it_goes_on(tmp_path: Path, crash_at: int, note: str) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        run(tmp_path, crash_at=crash_at)
    assert caught.value.__notes__ == [note]


def nan_loss(at: int) -> Lossy:
    return lambda i, loss: loss * float("nan") if i == at else loss


def kept(root: Path) -> list[dict[str, object]]:
    return [torch.load(path, weights_only=True) for path in root.rglob("state.pt")]


@pytest.mark.parametrize(
    ("at", "told", "point"),
    [
        # Rows end after steps 4, 8, 12, ..., resume points lie every 3 steps.
        (1, "loss is nan at step 2 of 20", 0),
        (4, "loss is nan at step 5 of 20", 3),
        (9, "loss is nan at step 10 of 20", 9),
        (11, "loss is nan at step 12 of 20", 9),
        (12, "loss is nan at step 13 of 20", 12),
        (19, "loss is nan at step 20 of 20", 18),
    ],
)
def test_a_run_that_diverges_names_the_step_and_keeps_the_last_good_point(
    tmp_path: Path, at: int, told: str, point: int
) -> None:
    with pytest.raises(UserError) as caught:
        run(tmp_path, change=nan_loss(at))
    message = str(caught.value)
    assert message.startswith(f"toy diverged: {told}; ")
    assert "lower toy.lr" in message
    assert "\n" not in message
    assert (
        f"the resume point after step {point} is kept" if point else "there is no resume point yet"
    ) in message
    states = kept(tmp_path)
    assert [state["step"] for state in states] == ([point] if point else [])
    for state in states:
        assert all(tensor.isfinite().all() for tensor in state["network"].values())  # type: ignore[attr-defined]
        kept_rows = state["statistics"]["rows"]  # type: ignore[index]
        assert [row["step"] for row in kept_rows] == list(range(4, point + 1, 4))


def test_a_repaired_run_goes_on_from_the_last_good_point_as_if_nothing_had_happened(tmp_path: Path) -> None:
    expected, curve, _ = run(tmp_path / "whole")
    with pytest.raises(UserError, match="after step 12 is kept"):
        run(tmp_path / "harmed", change=nan_loss(14))
    with pytest.raises(
        UserError, match="after step 12 is kept"
    ):  # also when the resumed run diverges again, before it keeps a point of its own
        run(tmp_path / "harmed", change=nan_loss(14))
    weights, resumed_curve, resumed_at = run(tmp_path / "harmed")
    assert resumed_at == 12
    assert torch.equal(weights, expected)
    assert resumed_curve.rows == curve.rows


@pytest.mark.parametrize("bad", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize(("at", "point"), [(11, 9), (14, 12), (19, 18)])
def test_weights_that_break_while_losses_look_well_are_neither_kept_nor_returned(
    tmp_path: Path, bad: float, at: int, point: int
) -> None:
    def damage(i: int, network: nn.Linear, optimiser: torch.optim.Optimizer) -> None:
        if i == at:
            network.weight.data[0, 1] = bad

    with pytest.raises(
        UserError, match=rf"network.weight is not finite at step {at + 1} of 20; .* step {point} is kept"
    ):
        run(tmp_path, damage=damage)
    assert [state["step"] for state in kept(tmp_path)] == [point]


def test_moments_of_the_optimiser_are_looked_at_too(tmp_path: Path) -> None:
    def damage(i: int, network: nn.Linear, optimiser: torch.optim.Optimizer) -> None:
        if i == 11:
            optimiser.state[network.bias]["exp_avg_sq"].fill_(
                float("inf")
            )  # Adam then divides by it, and weights stay finite

    with pytest.raises(UserError, match=r"optimiser\.state\.1\.exp_avg_sq is not finite at step 12"):
        run(tmp_path, damage=damage)


def test_steps_after_the_last_whole_row_are_looked_at(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="loss is nan at step 18 of 18"):
        run(tmp_path, steps=18, change=nan_loss(17))


def test_finite_values_whose_sum_overflows_are_told_as_such(tmp_path: Path) -> None:
    def step(i: int, batch: None) -> dict[str, torch.Tensor]:
        return {"loss": torch.tensor(3e38)}

    with pytest.raises(UserError, match="the mean of loss is inf at step 2 of 4"):
        fit(
            "toy",
            steps=4,
            batch=lambda i: None,
            step=step,
            state={},
            statistics=Statistics(2),
            resume=Resume("t", {}, [], tmp_path),
            checkpoint_every=2,
        )


def test_the_earliest_value_is_told_and_steps_are_not_held_up(tmp_path: Path) -> None:
    """A tensor that does not let itself be read stands for a device: it may be read once per row, never at a
    step."""
    reads: list[int] = []

    class Watched(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            if function in (
                torch.Tensor.item,
                torch.Tensor.__float__,
                torch.Tensor.__bool__,
                torch.Tensor.tolist,
            ):
                reads.append(now[0])
            return super().__torch_function__(function, types, args, kwargs or {})  # type: ignore[no-untyped-call]

    now = [0]

    def step(i: int, batch: None) -> dict[str, torch.Tensor]:
        now[0] = i
        values = {"a": float("inf") if i == 6 else 1.0, "b": float("nan") if i == 5 else 1.0}
        return {name: torch.tensor(value).as_subclass(Watched) for name, value in values.items()}

    with pytest.raises(UserError, match="b is nan at step 6 of 12"):
        fit(
            "toy",
            steps=12,
            batch=lambda i: None,
            step=step,
            state={},
            statistics=Statistics(4),
            resume=Resume("t", {}, [], tmp_path),
            checkpoint_every=4,
        )
    assert set(reads) == {3, 7}


def test_a_stage_that_diverges_ends_with_one_line_and_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPFACEGEN_TRACKING", "off")
    Path("params.yaml").write_text("{}\n")

    def main(config: Config, tracker: Tracker) -> None:
        run(tmp_path, change=nan_loss(9))

    with pytest.raises(SystemExit) as caught:
        run_stage("toy", ("train",), main, Path("metrics/toy.json"), arguments=[])
    assert caught.value.code == 1
    assert re.fullmatch(r"error: toy diverged: loss is nan at step 10 of 20; .*\n", capsys.readouterr().err)
    assert not Path("metrics/toy.json").exists()


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
