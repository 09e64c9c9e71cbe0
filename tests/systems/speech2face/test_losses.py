"""The three losses of Speech2Face on hand-made tensors."""

from __future__ import annotations

import math

import pytest
import torch

from deepfacegen.systems.speech2face.losses import direction_loss, distillation_loss, first_layer_loss


def test_first_layers_are_compared_by_sums_over_the_layer_and_means_over_the_batch() -> None:
    predicted, true = (
        torch.tensor([[1.0, -2.0, 0.0], [0.0, 0.0, 0.0]]),
        torch.tensor([[0.0, 1.0, 0.5], [0.0, 0.0, 1.0]]),
    )
    assert float(first_layer_loss(predicted, true)) == pytest.approx((4.5 + 1.0) / 2)


def test_directions_are_compared_whatever_the_lengths() -> None:
    # The same direction, at right angles, and opposite: 2 - 2 cos.
    predicted, true = (
        torch.tensor([[3.0, 4.0], [2.0, 0.0], [1.0, 0.0]]),
        torch.tensor([[0.3, 0.4], [0.0, 5.0], [-7.0, 0.0]]),
    )
    assert float(direction_loss(predicted, true)) == pytest.approx((0.0 + 2.0 + 4.0) / 3, abs=1e-6)


def test_distillation_is_the_cross_entropy_of_softened_answers() -> None:
    # At temperature 2, logits of 2 ln 3 and 0 are probabilities of 3/4 and 1/4.
    sure, unsure = torch.tensor([[2 * math.log(3), 0.0]]), torch.tensor([[0.0, 0.0]])
    assert float(distillation_loss(unsure, sure)) == pytest.approx(math.log(2))
    assert float(distillation_loss(sure, unsure)) == pytest.approx(-0.5 * (math.log(0.75) + math.log(0.25)))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert float(distillation_loss(sure, sure)) == pytest.approx(entropy)
    assert float(distillation_loss(sure, sure, temperature=1.0)) == pytest.approx(
        -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    )


def test_distillation_is_least_where_both_say_the_same() -> None:
    torch.manual_seed(0)
    true, predicted = torch.randn(4, 6), torch.randn(4, 6)
    nearer = true.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(distillation_loss(nearer, true), nearer)
    assert float(gradient.abs().max()) < 1e-6
    assert float(distillation_loss(true, true)) < float(distillation_loss(predicted, true))


@pytest.mark.parametrize("loss", [first_layer_loss, direction_loss, distillation_loss])
def test_gradients_are_right(loss) -> None:
    torch.manual_seed(1)
    predicted, true = (
        torch.randn(3, 5, dtype=torch.double, requires_grad=True),
        torch.randn(3, 5, dtype=torch.double),
    )
    assert torch.autograd.gradcheck(lambda x: loss(x, true), (predicted,))
