"""The cut in torch shows the same square as the judges' cut with OpenCV, and lets gradients through."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from deepfacegen.encoders import chips
from deepfacegen.evaluation.embedders import chips as judges


def smooth(side: int) -> np.ndarray:
    noise = np.random.default_rng(side).integers(0, 256, size=(side, side, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), side / 24), None, 0, 255, cv2.NORM_MINMAX)


@pytest.mark.parametrize("side", [64, 128, 200])
@pytest.mark.parametrize(("size", "padding"), [(150, 0.25), (64, 0.2), (32, 0.2)])
def test_it_cuts_what_the_judges_cut(side: int, size: int, padding: float) -> None:
    face = smooth(side)
    theirs = judges.cut(face[None], size, padding)[0].astype(float)
    ours = (
        chips.cut(torch.from_numpy(face).permute(2, 0, 1)[None].float(), size, padding)[0]
        .permute(1, 2, 0)
        .numpy()
    )
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 0.1 * theirs.std(), "rounding, and two ways to interpolate"


def test_gradients_reach_what_the_chip_shows_and_nothing_else() -> None:
    face = torch.zeros(1, 1, 100, 100, requires_grad=True)
    chips.cut(face, 90, 0.0).sum().backward()
    rows, columns = (face.grad[0, 0].abs().sum(dim=d) > 1e-6 for d in (1, 0))
    for touched, centre in ((rows, chips.CENTRE[1]), (columns, chips.CENTRE[0])):
        found = np.flatnonzero(touched.numpy()) + 0.5
        assert found.min() == pytest.approx(100 * (centre - chips.SIDE / 2), abs=3)
        assert found.max() == pytest.approx(100 * (centre + chips.SIDE / 2), abs=3)
