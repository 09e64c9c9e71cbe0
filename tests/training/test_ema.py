"""The moving average against its closed form."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepfacegen.training.ema import MovingAverage


def test_distance_halves_in_the_half_life() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = MovingAverage(network, half_life_steps=10)
    nn.init.ones_(network.weight)
    for step in range(1000, 1010):  # far into a run, where the half-life is not shortened
        average.update(network, step)
    assert average.average.weight.item() == pytest.approx(0.5, rel=1e-4)


def test_early_steps_are_forgotten_soon() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.ones_(network.weight)
    average = MovingAverage(network, half_life_steps=1e6)
    nn.init.constant_(network.weight, 5.0)
    average.update(network, 0)
    assert average.average.weight.item() == pytest.approx(5.0, rel=0.01)


def test_zero_half_life_follows_the_network_and_buffers_are_copied() -> None:
    network = nn.BatchNorm1d(2)
    average = MovingAverage(network, half_life_steps=0)
    network(torch.randn(8, 2) + 3)
    nn.init.constant_(network.weight, 7.0)
    average.update(network, 5)
    assert average.average.weight.tolist() == [7.0, 7.0]
    assert torch.equal(average.average.running_mean, network.running_mean)


def test_zero_half_life_needs_no_second_copy_of_the_network_and_leaves_it_trainable() -> None:
    network = nn.Linear(3, 2)
    average = MovingAverage(network, half_life_steps=0)
    assert average.average.weight.data_ptr() == network.weight.data_ptr()
    average.average.eval().requires_grad_(False)  # as who draws with it does
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1, fused=True)
    before = network.weight.detach().clone()
    network(torch.ones(4, 3)).square().sum().backward()
    optimiser.step()
    average.update(network, 0)
    assert not torch.equal(network.weight, before)
    assert torch.equal(average.average.weight, network.weight)


def test_zero_half_life_survives_a_resume_point() -> None:
    saved = MovingAverage(nn.Linear(3, 2), half_life_steps=0).state_dict()
    network = nn.Linear(3, 2)
    average = MovingAverage(network, half_life_steps=0)
    network.load_state_dict(saved)
    average.load_state_dict(saved)
    nn.init.constant_(network.weight, 7.0)
    assert torch.equal(average.average.weight, torch.full((2, 3), 7.0))
    assert torch.equal(average.average.bias, saved["bias"])
