"""The linear latent against latents made by a known linear process."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from deepfacegen.systems.cgan.linear_latent import Generator, LinearLatent
from tests.shared.priors import TINY

LATENT = 6


def made(n: int = 4000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents [n, 6] and conditions [n, 2], which do not have mean 0; the weights [2, 6] that made the
    latents, and the covariance [6, 6] of what the condition leaves."""
    rng = torch.Generator().manual_seed(0)
    conditions, noise = 2 + torch.randn(n, 2, generator=rng), torch.randn(n, LATENT, generator=rng)
    weights, mixed = torch.randn(2, LATENT, generator=rng), 0.5 * torch.randn(LATENT, LATENT, generator=rng)
    return 0.5 + conditions @ weights + noise @ mixed, conditions, weights, mixed.T @ mixed


def fitted(latents: torch.Tensor, conditions: torch.Tensor) -> LinearLatent:
    linear = LinearLatent(conditions.shape[1], latents.shape[1])
    linear.fit(latents, conditions)
    return linear


def test_fit_recovers_what_the_condition_does_and_the_covariance_of_the_rest() -> None:
    latents, conditions, weights, covariance = made()
    linear = fitted(latents, conditions)
    torch.testing.assert_close(linear.by_condition, weights, atol=0.06, rtol=0)
    torch.testing.assert_close(linear.mean, torch.full((LATENT,), 0.5), atol=0.15, rtol=0)
    torch.testing.assert_close(linear.by_z.T @ linear.by_z, covariance, atol=0.15, rtol=0)


def test_generated_latents_vary_as_those_that_were_fitted() -> None:
    latents, conditions, _, _ = made()
    linear = fitted(latents, conditions)
    rng = torch.Generator().manual_seed(1)
    again = linear(conditions, torch.randn(len(latents), LATENT, generator=rng))
    torch.testing.assert_close(again.mean(dim=0), latents.mean(dim=0), atol=0.1, rtol=0)
    torch.testing.assert_close(again.T.cov(), latents.T.cov(), atol=0.5, rtol=0.1)


def test_inferred_z_are_standard_uncorrelated_with_the_condition_and_give_the_latent_again() -> None:
    latents, conditions, _, _ = made()
    linear = fitted(latents, conditions)
    z = linear.infer(latents, conditions)
    both = torch.cat([z, conditions], dim=1).T.cov()
    torch.testing.assert_close(both[:LATENT, :LATENT], torch.eye(LATENT), atol=1e-3, rtol=0)
    assert float(both[:LATENT, LATENT:].abs().max()) < 1e-3
    torch.testing.assert_close(linear(conditions, z), latents, atol=1e-4, rtol=0)


def test_z_comes_back_from_its_latent() -> None:
    linear = fitted(*made()[:2])
    condition, z = torch.randn(5, 2), torch.randn(5, LATENT)
    torch.testing.assert_close(linear.infer(linear(condition, z), condition), z, atol=1e-4, rtol=0)


def test_fewer_faces_than_numbers_of_a_latent_leave_the_rest_of_z_without_effect() -> None:
    rng = torch.Generator().manual_seed(0)
    latents, conditions = torch.randn(5, 30, generator=rng), torch.randn(5, 1, generator=rng)
    linear = fitted(latents, conditions)
    assert (linear.by_z[5:] == 0).all()
    assert linear.by_z[:5].abs().max() < 3
    torch.testing.assert_close(
        linear(conditions, linear.infer(latents, conditions)), latents, atol=1e-4, rtol=0
    )
    other = linear.infer(torch.randn(2, 30, generator=rng), torch.zeros(2, 1))
    assert torch.isfinite(other).all()
    assert (other[:, 5:] == 0).all()


def test_fewer_people_than_numbers_of_a_voice_leave_directions_without_a_person_alone() -> None:
    """Forty voices of 256 numbers, a hundred faces each: most directions of a voice are met by none."""
    rng = torch.Generator().manual_seed(0)
    voices = F.normalize(torch.randn(40, 256, generator=rng), dim=1)
    latents = torch.randn(4000, LATENT, generator=rng)
    linear = fitted(latents, voices.repeat_interleave(100, dim=0))
    assert linear.by_condition.abs().max() < 10
    unseen = linear(F.normalize(torch.randn(8, 256, generator=rng), dim=1), torch.zeros(8, LATENT))
    assert unseen.abs().max() < 3


def test_a_generator_is_the_synthesis_of_the_flow_of_its_latent_and_trains_the_synthesis_alone() -> None:
    generator = Generator(3, TINY)
    assert generator.z == TINY.code_dim
    generator.latent.mean.normal_()
    generator.latent.by_condition.normal_()
    condition, z = torch.randn(2, 3), torch.randn(2, TINY.code_dim)
    latent = generator.latent.mean + condition @ generator.latent.by_condition + z  # by_z begins as identity
    torch.testing.assert_close(generator(condition, z), generator.synthesis(generator.flow(latent)))
    trained = {name.split(".")[0] for name, p in generator.named_parameters() if p.requires_grad}
    assert trained == {"synthesis"}
