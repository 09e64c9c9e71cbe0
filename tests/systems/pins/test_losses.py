"""Hard negatives: which item is mined (the item, not its rank), the curriculum, and the loss, against
hand-made cases and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from deepfacegen.systems.pins.losses import contrastive, curriculum, distances, mine

# One anchor whose own item is column 1. Its negatives from easy to hard are the columns 3, 0, 4, 2: none
# stands where its rank says.
APART = torch.tensor([[0.9, 0.4, 0.1, 1.3, 0.5]])
SAME = torch.tensor([[False, True, False, False, False]])


@pytest.mark.parametrize(
    ("tau", "column"), [(0.01, 3), (0.25, 3), (0.26, 0), (0.5, 0), (0.75, 4), (0.76, 2), (1.0, 2)]
)
def test_the_mined_negative_is_the_item_at_the_quantile_and_not_its_rank(tau: float, column: int) -> None:
    assert mine(APART, SAME, tau).tolist() == [column]


def test_semi_hard_takes_none_that_is_nearer_than_the_pair_unless_all_are() -> None:
    assert mine(APART, SAME, 1.0, torch.tensor([0.4])).tolist() == [4]  # column 2 is nearer than the pair
    assert mine(APART, SAME, 0.5, torch.tensor([0.4])).tolist() == [0]
    assert mine(APART, SAME, 1.0, torch.tensor([1.9])).tolist() == [3]


def test_of_equally_far_negatives_the_first_comes_first() -> None:
    apart, same = torch.ones(1, 40), torch.zeros(1, 40, dtype=torch.bool)
    assert [int(mine(apart, same, (k + 1) / 40)) for k in range(40)] == list(range(40))


def test_a_product_that_rounding_lifts_over_a_whole_number_counts_as_that_number() -> None:
    apart, same = torch.linspace(2, 1, 10)[None], torch.zeros(1, 10, dtype=torch.bool)
    assert int(mine(apart, same, 0.3 + 4 * 0.1)) == 6  # 0.7000000000000001


@given(st.integers(1, 6), st.integers(2, 12), st.floats(0.01, 1.0), st.booleans(), st.integers(0, 10_000))
def test_mining_agrees_with_sorting_by_hand(
    anchors: int, items: int, tau: float, semi_hard: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    apart, same = rng.random((anchors, items)), rng.random((anchors, items)) < 0.4
    limit = rng.random(anchors)
    found = mine(
        torch.from_numpy(apart), torch.from_numpy(same), tau, torch.from_numpy(limit) if semi_hard else None
    ).tolist()
    for i, column in enumerate(found):
        negatives = sorted((j for j in range(items) if not same[i, j]), key=lambda j: -apart[i, j])
        if not negatives:
            assert same[i, column]
            continue
        allowed = [j for j in negatives if apart[i, j] >= limit[i]] if semi_hard else negatives
        place = min(math.ceil(tau * len(negatives) - 1e-9) - 1, len(allowed) - 1)
        assert column == negatives[max(0, place)]


def test_the_curriculum_rises_in_steps_up_to_its_end() -> None:
    assert [round(curriculum(i, 0.3, 0.8, 0.1, 2), 9) for i in range(14)] == [
        0.3,
        0.3,
        0.4,
        0.4,
        0.5,
        0.5,
        0.6,
        0.6,
        0.7,
        0.7,
    ] + [0.8] * 4


def test_distances_are_euclidean_and_slope_where_vectors_coincide() -> None:
    rng = np.random.default_rng(0)
    left, right = (
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (rng.normal(size=(5, 8)), rng.normal(size=(7, 8)))
    )
    np.testing.assert_allclose(
        distances(torch.from_numpy(left), torch.from_numpy(right)).numpy(), cdist(left, right), atol=1e-9
    )
    x = torch.tensor([[1.0, 0.0]], requires_grad=True)
    distances(x, x.detach()).square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_the_loss_is_that_of_the_paper() -> None:
    """Own pairs at 0.4 and 0.2; the hardest negatives at 0.5 and 0.7, of which the margin 0.6 lets only the
    first count."""
    apart = torch.tensor([[0.4, 0.5, 0.9], [0.7, 0.2, 1.1]])
    same = torch.tensor([[True, False, False], [False, True, False]])
    pull, push = contrastive(apart, torch.tensor([0, 1]), same, tau=1.0, margin=0.6)
    assert float(pull) == pytest.approx((0.16 + 0.04) / 2)
    assert float(push) == pytest.approx(0.1**2 / 2)
    assert (
        float(contrastive(apart, torch.tensor([0, 1]), same, tau=0.5, margin=0.6)[1]) == 0.0
    )  # the easier ones, at 0.9 and 1.1


def test_an_anchor_without_negatives_has_only_its_pair() -> None:
    apart = torch.full((1, 3), 0.1)
    pull, push = contrastive(
        apart, torch.tensor([2]), torch.ones(1, 3, dtype=torch.bool), tau=0.8, margin=0.6
    )
    assert (float(pull), float(push)) == (pytest.approx(0.01), 0.0)


def test_the_gradient_pulls_pairs_together_and_pushes_near_negatives_apart() -> None:
    apart = torch.tensor([[0.3, 0.4, 1.5]], requires_grad=True)
    pull, push = contrastive(
        apart, torch.tensor([0]), torch.tensor([[True, False, False]]), tau=1.0, margin=0.6
    )
    (pull + push).backward()
    assert apart.grad is not None
    np.testing.assert_allclose(apart.grad.numpy(), [[2 * 0.3, -2 * (0.6 - 0.4), 0.0]], rtol=1e-5)
