"""The flow between a standard normal and codes: its inverse, its likelihood, and codes of two kinds."""

from __future__ import annotations

import math

import pytest
import torch

from deepfacegen.systems.prior import flow as module
from deepfacegen.systems.prior.flow import Flow, fit


def scattered(dim: int) -> Flow:
    """A flow that is far from a rotation."""
    torch.manual_seed(0)
    made = Flow(dim)
    for p in made.parameters():
        torch.nn.init.normal_(p, std=0.1)
    root = torch.randn(dim, dim)
    made.root.copy_(root @ root.T + torch.eye(dim))
    made.mean.normal_()
    return made.requires_grad_(False)


@pytest.mark.parametrize("dim", [2, 5, 64])
def test_the_inverse_leads_back(dim: int) -> None:
    made, latents = scattered(dim).double(), torch.randn(7, dim, dtype=torch.float64)
    torch.testing.assert_close(
        made.inverse(made(latents)), latents, atol=1e-4, rtol=0
    )  # rotations are float32


def test_the_likelihood_is_that_of_the_change_of_variables() -> None:
    """log N(u; 0, 1) + log |du / dx|, by the Jacobian itself; up to the constant, and that of `root`."""
    made, code = scattered(5).double(), torch.randn(1, 5, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: made.inverse(x)[0], code)[:, 0]
    latent = made.inverse(code)
    log_density = -0.5 * float(latent.square().sum()) + float(torch.linalg.slogdet(jacobian).logabsdet)
    log_density += float(torch.linalg.slogdet(made.root).logabsdet)
    assert float(made.nats(code)) == pytest.approx(-log_density / 5, rel=1e-6)


def test_untrained_it_is_a_normal_distribution_of_mean_and_covariance_of_the_codes() -> None:
    torch.manual_seed(0)
    codes, made = 3 + torch.randn(4000, 6) @ torch.randn(6, 6), Flow(6)
    normal, found = fit(made, codes, torch.zeros_like(codes), steps=0, seed=0)
    assert normal == found == pytest.approx(0.5, abs=0.05)
    with torch.no_grad():
        generated = made(torch.randn(20_000, 6))
    torch.testing.assert_close(generated.mean(dim=0), codes.mean(dim=0), atol=0.15, rtol=0)
    torch.testing.assert_close(generated.T.cov(), codes.T.cov(), atol=0.6, rtol=0.1)


def two_kinds(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes whose first number is about -1 or about 1 and never 0; their means and deviations."""
    rng = torch.Generator().manual_seed(1)
    means = torch.randn(n, 4, generator=rng)
    means[:, 0] = (torch.rand(n, generator=rng) < 0.5) * 2.0 - 1
    return means, torch.full((n, 4), 0.1)


def test_of_codes_of_two_kinds_it_generates_both_and_next_to_none_between() -> None:
    made, (means, deviations) = Flow(4), two_kinds(2000)
    normal, found = fit(made, means, deviations, steps=400, seed=0)
    assert found < normal - 0.2
    with torch.no_grad():
        first = made(torch.randn(4000, 4, generator=torch.Generator().manual_seed(0)))[:, 0]
    between = (first.abs() < 0.5).float().mean()
    of_a_normal = math.erf(0.5 / 1.005 / math.sqrt(2))  # 0.38
    assert between < 0.25 * of_a_normal
    assert 0.4 < (first > 0).float().mean() < 0.6


def test_the_same_seed_gives_the_same_flow_and_another_another() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(5)
        made = Flow(4)
        fit(made, *two_kinds(200), steps=5, seed=seed)
        return torch.cat([p.detach().flatten() for p in made.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_steps_that_make_it_worse_for_faces_that_took_no_part_are_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LR", 10.0)
    made = Flow(4)
    before = {name: value.clone() for name, value in made.state_dict().items() if "network" in name}
    normal, found = fit(made, *two_kinds(200), steps=20, seed=0)
    assert found == normal
    assert all(torch.equal(made.state_dict()[name], value) for name, value in before.items())


def test_a_handful_of_faces_gives_finite_codes() -> None:
    made = Flow(8)
    fit(made, torch.randn(3, 8), torch.full((3, 8), 0.05), steps=3, seed=0)
    with torch.no_grad():
        codes = made(torch.randn(50, 8))
    assert torch.isfinite(codes).all()
    assert torch.isfinite(made.inverse(codes)).all()
