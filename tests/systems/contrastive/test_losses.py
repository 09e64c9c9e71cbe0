"""The contrastive loss against sums by hand and against cross-entropy, and the covariates' against
scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import log_loss

from deepfacegen.systems.contrastive.losses import covariates, multi_positive


def logits(members: int, items: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(
        members, items, items, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def test_with_one_item_a_person_it_is_the_loss_of_clip() -> None:
    x, labels = logits(1, 5), torch.arange(5)
    expected = (F.cross_entropy(x[0], labels) + F.cross_entropy(x[0].T, labels)) / 2
    torch.testing.assert_close(multi_positive(x, labels, torch.ones(1, 5, dtype=torch.bool)), expected)


def test_all_items_of_a_person_are_right_answers() -> None:
    x, people = logits(1, 4), torch.tensor([0, 1, 0, 1])
    share = x[0].exp().numpy()
    same = people[:, None].numpy() == people[None].numpy()
    rows = -np.log((share * same).sum(1) / share.sum(1)).mean()
    columns = -np.log((share * same).sum(0) / share.sum(0)).mean()
    assert multi_positive(x, people, torch.ones(1, 4, dtype=torch.bool)).item() == pytest.approx(
        (rows + columns) / 2
    )


def test_people_who_are_left_out_count_neither_as_items_nor_as_negatives() -> None:
    x, people = logits(2, 6), torch.tensor([0, 0, 1, 1, 2, 2])
    inside = torch.stack([people != 2, people != 0])
    apart = [
        multi_positive(x[m : m + 1, w][:, :, w], people[w], torch.ones(1, 4, dtype=torch.bool))
        for m, w in enumerate(inside)
    ]
    torch.testing.assert_close(multi_positive(x, people, inside), (apart[0] + apart[1]) / 2)


def test_gradients_are_numbers_and_zero_for_those_left_out() -> None:
    x, people = logits(1, 4).requires_grad_(True), torch.tensor([0, 0, 1, 2])
    multi_positive(x, people, (people != 2)[None]).backward()
    assert torch.isfinite(x.grad).all()
    assert not x.grad[0, 3].any()
    assert not x.grad[0, :, 3].any()
    assert x.grad[0, :3, :3].abs().min() > 0


def test_covariates_that_are_not_listed_do_not_count() -> None:
    x, codes = logits(1, 4)[:, :, :3], torch.tensor([0, 2, -1, 1])
    inside = torch.tensor([[True, True, True, False]])
    expected = log_loss([0, 2], x[0, :2].softmax(dim=1).numpy(), labels=[0, 1, 2])
    assert covariates(x, codes, inside).item() == pytest.approx(expected)
    assert covariates(x, torch.full((4,), -1), inside).item() == 0.0
