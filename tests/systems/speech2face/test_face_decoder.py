"""The face decoder: a regression from features to latents, and the prior's networks behind it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from deepfacegen.systems.speech2face.face_decoder import RIDGES, FaceDecoder
from tests.shared.priors import TINY, tiny_prior

DIM = 12


def fitted(features: torch.Tensor, latents: torch.Tensor) -> FaceDecoder:
    decoder = FaceDecoder(features.shape[1], TINY).eval()
    decoder.start_from(tiny_prior(), features, latents)
    return decoder


def test_features_that_say_everything_are_decoded_to_the_priors_own_faces() -> None:
    rng = torch.Generator().manual_seed(0)
    features = 5 + 3 * torch.randn(400, DIM, generator=rng)
    latents = (features - 5) @ torch.randn(DIM, TINY.code_dim, generator=rng) / 9 + 0.5
    decoder = fitted(features, latents)
    torch.testing.assert_close(decoder.first_layer(features), latents, atol=2e-2, rtol=0)
    with torch.no_grad():
        faces = decoder(features[:3])
    torch.testing.assert_close(faces, tiny_prior().faces(latents[:3]), atol=5e-2, rtol=0)


def test_features_that_say_nothing_are_decoded_to_the_face_of_the_mean_latent() -> None:
    rng = torch.Generator().manual_seed(1)
    features = torch.randn(300, DIM, generator=rng)
    latents = 0.3 + torch.randn(300, TINY.code_dim, generator=rng)
    found = fitted(features, latents).first_layer(features)
    assert (found - latents.mean(dim=0)).square().mean() < 0.02


@pytest.mark.parametrize("people", [9, 60], ids=["fewer than numbers of a feature", "many"])
def test_it_is_a_ridge_regression_with_the_least_error_on_faces_left_out(people: int) -> None:
    rng = np.random.default_rng(2)
    features = 5 + 3 * rng.normal(size=(people, DIM))
    latents = features @ rng.normal(size=(DIM, TINY.code_dim)) / 5 + rng.normal(size=(people, TINY.code_dim))
    seen = (features - features.mean(axis=0)) / np.sqrt(((features - features.mean(axis=0)) ** 2).mean())

    def error(ridge: float) -> float:
        rest = np.arange(people)
        left_out = [
            latents[i] - Ridge(ridge).fit(seen[rest != i], latents[rest != i]).predict(seen[[i]])[0]
            for i in rest
        ]
        return float(np.square(left_out).mean())

    best = Ridge(min(RIDGES, key=error)).fit(seen, latents)
    decoder = fitted(*(torch.from_numpy(x).float() for x in (features, latents)))
    found = decoder.first_layer(torch.from_numpy(features).float()).detach().numpy()
    np.testing.assert_allclose(found, best.predict(seen), atol=1e-3)


def test_features_are_seen_about_their_mean_in_their_own_deviation() -> None:
    features = 5 + 3 * torch.randn(9, DIM, generator=torch.Generator().manual_seed(3))
    seen = fitted(features, torch.randn(9, TINY.code_dim)).standardise(features)
    torch.testing.assert_close(seen.mean(dim=0), torch.zeros(DIM), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.square().mean(), torch.tensor(1.0))
