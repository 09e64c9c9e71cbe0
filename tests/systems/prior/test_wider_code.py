"""More numbers to the code of a prior."""

from __future__ import annotations

import pytest
import torch

from deepfacegen.systems.prior.prior import Prior, Sizes
from deepfacegen.systems.prior.wider_code import widened

FACES = torch.rand(300, 3, 32, 32, generator=torch.Generator().manual_seed(4)) * 2 - 1


def small() -> Prior:
    torch.manual_seed(1)
    return Prior.untrained(Sizes(image_size_px=32, channels=8, max_channels=16, code_dim=6))


@torch.no_grad()
def test_a_wider_prior_reconstructs_as_before_and_its_new_numbers_have_unit_deviation_over_faces() -> None:
    prior = small()
    wide = widened(prior, 14, FACES)
    assert wide.sizes == Sizes(image_size_px=32, channels=8, max_channels=16, code_dim=14)
    mean, log_variance = prior.encoder(FACES)
    more, more_variance = wide.encoder(FACES)
    torch.testing.assert_close(more[:, :6], mean)
    torch.testing.assert_close(more_variance[:, :6], log_variance)
    torch.testing.assert_close(more[:, 6:].std(dim=0), torch.ones(8), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(more[:, 6:].mean(dim=0), torch.zeros(8), rtol=0, atol=1e-4)
    assert (more_variance[:, 6:] == -4).all()
    torch.testing.assert_close(wide.synthesis(more), prior.synthesis(mean))
    torch.testing.assert_close(wide.discriminator(FACES)[0], prior.discriminator(FACES)[0])


@torch.no_grad()
def test_what_a_prior_does_not_reconstruct_is_in_the_new_numbers() -> None:
    """Faces that differ in the colour of the left eye alone, which an untrained synthesis does not paint."""
    prior = small()
    for layer in (prior.synthesis.start, prior.synthesis.picture):
        torch.nn.init.zeros_(layer.weight)
    colour = torch.randn(300, generator=torch.Generator().manual_seed(2)) * 0.3
    faces = torch.zeros(300, 3, 32, 32)
    faces[:, 2, 14:17, 11:14] = colour[:, None, None]
    code, _ = widened(prior, 14, faces).encoder(faces)
    assert abs(torch.corrcoef(torch.stack([code[:, 6], colour]))[0, 1]) > 0.9


@pytest.mark.parametrize("dim", [5, 6])
def test_no_more_numbers_than_before_is_refused(dim: int) -> None:
    with pytest.raises(ValueError, match=f"{dim} numbers to a code are not more than 6"):
        widened(small(), dim, FACES)
