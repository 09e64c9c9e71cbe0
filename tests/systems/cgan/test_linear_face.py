"""The closed-form face model against data made by a known linear process."""

from __future__ import annotations

import torch

from deepfacegen.systems.cgan.linear_face import LinearFace


def made(n: int = 4000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    c, noise = torch.randn(n, 2, generator=rng), torch.randn(n, 1, generator=rng)
    weights = torch.randn(2, 3 * 16, generator=rng)
    direction = torch.nn.functional.normalize(torch.randn(1, 3 * 16, generator=rng), dim=1) * 3
    faces = 0.5 + c @ weights + noise @ direction + 0.01 * torch.randn(n, 48, generator=rng)
    return faces.view(n, 3, 4, 4), c, weights, direction


def test_fit_recovers_weights_and_the_main_direction() -> None:
    faces, c, weights, direction = made()
    model = LinearFace(2, 1, 4)
    model.fit(faces, c)
    torch.testing.assert_close(model.by_condition, weights, atol=0.15, rtol=0.1)
    found = model.by_noise[0]
    assert abs(float(torch.nn.functional.cosine_similarity(found, direction[0], dim=0))) > 0.999
    assert abs(float(found.norm()) - 3) < 0.1


def test_inferred_noise_is_standard_uncorrelated_with_the_condition_and_redraws_the_face() -> None:
    faces, c, _, _ = made()
    model = LinearFace(2, 1, 4)
    model.fit(faces, c)
    z = model.infer(faces, c)
    assert abs(float(z.std()) - 1) < 0.01
    assert abs(float((z * c).mean(dim=0).abs().max())) < 1e-3
    assert float((model(c, z) - faces).abs().mean()) < 0.02


def test_more_noise_than_faces_leaves_the_rest_at_zero() -> None:
    model = LinearFace(1, 30, 4)
    model.fit(torch.randn(5, 3, 4, 4), torch.randn(5, 1))
    assert torch.isfinite(model.infer(torch.randn(2, 3, 4, 4), torch.zeros(2, 1))).all()
    assert (model.by_noise[5:] == 0).all()
