"""Losses against hand-made values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from deepfacegen.data.faces.align import template
from deepfacegen.training.losses import (
    fake_loss,
    feature_loss,
    gradient_penalty,
    landmark_weights,
    other_identity,
    pyramid_loss,
    real_loss,
)


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


def test_pyramid_loss_of_a_lighter_face_is_its_light_alone() -> None:
    face = torch.randn(2, 3, 8, 8)
    assert pyramid_loss(face + 0.25, face).item() == pytest.approx(0.25, rel=1e-5)
    assert pyramid_loss(face, face).item() == 0


def test_pyramid_loss_counts_pixels_and_edges_of_each_halving() -> None:
    """One pixel of a 4 x 4 face is off by 1, in each of three channels."""
    face = torch.zeros(1, 3, 4, 4)
    other = face.clone()
    other[:, :, 1, 1] = 1.0
    # 4 x 4: the pixel 1/16; down and across two of 12 differences. 2 x 2: a pixel 1/4 of 4; a half of the 2
    # differences each way. Then one pixel of 1/16 and no difference.
    first, second = 1 / 16 + 2 * 2 / 12, 1 / 16 + 2 * (1 / 4) / 2
    assert pyramid_loss(other, face, scales=1).item() == pytest.approx(first)
    assert pyramid_loss(other, face, scales=2).item() == pytest.approx((first + second) / 2)


def test_weights_of_pixels_count_where_they_lie_on_every_scale() -> None:
    face, off = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    off[..., :4, :4] = 1
    weights = torch.zeros(8, 8)
    weights[4:, 4:] = 4
    assert pyramid_loss(off, face, weights=weights).item() == 0
    edges = 2 * (4 * 4) / (7 * 8)  # four pixels of weight 4 in each direction
    found = pyramid_loss(off.flip(2, 3), face, scales=1, weights=weights).item()
    assert found == pytest.approx(1.0 + edges)
    same = pyramid_loss(off, face, weights=torch.ones(8, 8))
    assert same.item() == pytest.approx(pyramid_loss(off, face).item())


def test_landmark_weights_have_mean_1_and_are_largest_at_the_points_to_which_faces_are_aligned() -> None:
    weights = landmark_weights(64)
    assert weights.mean().item() == pytest.approx(1.0)
    for x, y in np.delete(template(64), 2, axis=0):  # without the nose
        assert weights[round(y), round(x)] > 3 * weights[0, 0]
    assert weights[:10].max() < 1.05 * weights[0, 0]


def test_pyramid_loss_weighs_a_sharp_edge_more_than_the_same_light_spread_out() -> None:
    face = torch.zeros(1, 3, 16, 16)
    spread, edge = face + 0.5, face.clone()
    edge[..., 8:] = 1.0
    assert pyramid_loss(edge, face) > pyramid_loss(spread, face) + 0.05
