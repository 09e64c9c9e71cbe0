"""The learning rate and the length of a step; what it keeps in memory, against sums made by hand, and the
refusal of one that cannot fit."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace

import pytest
import torch
from torch import nn

from deepfacegen import room
from deepfacegen.config.schema import TrainConfig
from deepfacegen.errors import UserError
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.training.steps import check_memory, cosine, descend, kept_bytes
from tests.shared.priors import TINY

TOTAL = 10**9


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 1 GB, of which half is free."""
    monkeypatch.setattr(room, "memory", lambda: (TOTAL, TOTAL // 2))
    monkeypatch.setenv("DEEPFACEGEN_DEVICE", "cpu")


def test_what_autograd_keeps_of_a_small_network_is_its_input_and_what_lies_between() -> None:
    network = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5), nn.Tanh())
    x = torch.zeros(7, 10)
    # Both linear layers keep their input, ReLU its output (the second layer's input: one storage), tanh its
    # output; weights do not count.
    own = list(network.parameters())
    assert kept_bytes(lambda: network(x), own) == 4 * 7 * (10 + 20 + 5)
    network.to("meta")
    assert kept_bytes(lambda: network(x.to("meta")), list(network.parameters())) == 4 * 7 * (10 + 20 + 5)
    with torch.no_grad():
        assert kept_bytes(lambda: network(x.to("meta"))) == 0


def test_weights_count_with_gradient_and_moments(memory: None, caplog: pytest.LogCaptureFixture) -> None:
    with torch.device("meta"):
        small, large, larger = (nn.Linear(10**4, n, bias=False) for n in (3000, 4000, 7000))
    with caplog.at_level(logging.WARNING):
        check_memory("toy", [small], [])  # 3000 x 10^4 x 4 bytes, four times: 0.48 GB
        assert not caplog.records
        check_memory("toy", [large], [])
    assert "a step of toy takes about 0.6 GB of memory, and 0.5 GB are free" in caplog.text
    with pytest.raises(UserError, match=r"a step of toy takes about 1\.1 GB .* lower toy\.batch"):
        check_memory("toy", [larger], [])


@pytest.mark.parametrize("architecture", ["standard", "paper"])
def test_a_batch_that_cannot_fit_is_refused_before_work(memory: None, architecture: str) -> None:
    config, sizes = replace(TrainConfig(), architecture=architecture), replace(TINY, image_size_px=64)
    cgan._check_memory(config, 2, 65, 10, sizes)
    with pytest.raises(UserError, match=r"a step of train takes .* lower train\.batch"):
        cgan._check_memory(config, 100_000, 65, 10, sizes)


def rates(steps: int) -> list[float]:
    weight = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([{"params": [weight]}, {"params": []}], lr=9.0)
    found = []
    for step in range(steps):
        cosine(optimiser, 0.2, step, steps)
        first, second = (group["lr"] for group in optimiser.param_groups)
        assert first == second
        found.append(first)
    return found


def test_the_learning_rate_rises_within_a_hundredth_and_falls_to_a_hundredth() -> None:
    found = rates(1000)
    assert found[:10] == pytest.approx([0.02 * (k + 1) for k in range(10)], rel=1e-3)
    assert all(before > after for before, after in itertools.pairwise(found[9:]))
    assert found[500] == pytest.approx(0.2 * 0.505)
    assert found[-1] == pytest.approx(0.2 * 0.01, rel=0.01)
    assert rates(1) == [pytest.approx(0.2)]  # a single step is not without a rate


@pytest.mark.parametrize(
    ("longest", "moved"), [(None, [3.0, 4.0]), (50.0, [3.0, 4.0]), (1.0, [0.6, 0.8])], ids=str
)
def test_a_step_goes_down_the_gradient_cut_to_its_longest(longest: float | None, moved: list[float]) -> None:
    one, other = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))  # together of length 5
    optimiser = torch.optim.SGD([one, other], lr=1.0)
    for _ in range(2):  # the gradient of the step before is gone
        descend(optimiser, (3 * one + 4 * other).sum(), longest)
    assert [one.item(), other.item()] == pytest.approx([-2 * way for way in moved], rel=1e-4)
