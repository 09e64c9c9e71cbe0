"""Losses against hand-made values."""

from __future__ import annotations

import math

import pytest
import torch

from deepfacegen.training.losses import fake_loss, feature_loss, gradient_penalty, other_identity, real_loss


def test_adversarial_losses_are_binary_cross_entropies() -> None:
    logits = torch.tensor([0.0, 2.0])
    assert real_loss(logits).item() == pytest.approx((math.log(2) + math.log(1 + math.exp(-2))) / 2, rel=1e-5)
    assert fake_loss(logits).item() == pytest.approx((math.log(2) + math.log(1 + math.exp(2))) / 2, rel=1e-5)


def test_gradient_penalty_of_a_linear_critic_is_half_its_squared_weights() -> None:
    weight = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    faces = torch.randn(4, 3, 1, 1, requires_grad=True)
    penalty = gradient_penalty((faces * weight).sum(dim=(1, 2, 3)), faces)
    assert penalty.item() == pytest.approx(0.5 * (1 + 4 + 9), rel=1e-5)


def test_feature_loss_averages_layers_not_elements() -> None:
    drawn = [torch.zeros(1, 100), torch.zeros(1, 2)]
    true = [torch.ones(1, 100), 3 * torch.ones(1, 2)]
    assert feature_loss(drawn, true).item() == pytest.approx(2.0)


def test_other_identity_are_never_the_same_person() -> None:
    labels = torch.tensor([0, 0, 1, 2, 0])
    other, found = other_identity(labels)
    assert other.tolist() == [1, 2, 3, 4, 0]
    assert found.tolist() == [False, True, True, True, False]
    assert bool((labels[other][found] != labels[found]).all())
