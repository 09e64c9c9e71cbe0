"""The warp against scipy and hand-made shifts, its curvature against calculus, and the face decoder put
together from both branches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from sklearn.linear_model import LinearRegression, Ridge

from deepfacegen.systems.speech2face.face_decoder import COMPONENTS, GRID, FaceDecoder
from deepfacegen.systems.speech2face.warp import bending, warp


def test_no_shift_changes_nothing() -> None:
    pictures = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(warp(pictures, torch.zeros(2, 2, 4, 4)), pictures, atol=1e-5, rtol=1e-5)


def test_the_same_shift_everywhere_moves_the_picture_and_continues_its_border() -> None:
    pictures = torch.arange(64.0).view(1, 1, 8, 8)
    shifts = torch.zeros(1, 2, 3, 3)
    shifts[:, 0], shifts[:, 1] = 2.0, 1.0  # two to the right, one down
    moved = warp(pictures, shifts)
    torch.testing.assert_close(moved[..., :7, :6], pictures[..., 1:, 2:], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(moved[..., :7, 7], pictures[..., 1:, 7], atol=1e-4, rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(height=st.integers(4, 12), width=st.integers(4, 12), grid=st.integers(2, 5), seed=st.integers(0, 1000))
def test_it_samples_where_scipy_does(height: int, width: int, grid: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture, shifts = rng.normal(size=(height, width)), rng.normal(0, 2, size=(2, grid, grid))
    y, x = np.mgrid[:height, :width].astype(float)
    on_grid = np.stack([y * (grid - 1) / (height - 1), x * (grid - 1) / (width - 1)])
    dx, dy = (map_coordinates(part, on_grid, order=1, mode="nearest") for part in shifts)
    expected = map_coordinates(
        picture, [np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)], order=1
    )
    found = warp(torch.from_numpy(picture)[None, None], torch.from_numpy(shifts)[None])[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_gradients_reach_the_picture_and_the_grid() -> None:
    torch.manual_seed(0)
    pictures, shifts = (
        torch.randn(2, 1, 5, 6, dtype=torch.double),
        0.3 + 0.1 * torch.rand(2, 2, 3, 3, dtype=torch.double),
    )
    assert torch.autograd.gradcheck(warp, (pictures.requires_grad_(), shifts.requires_grad_()))


def test_an_affine_map_is_not_bent_and_a_parabola_is_by_its_second_derivative() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
    affine = torch.stack([0.5 * x - y + 3, 2 * y])[None]
    assert float(bending(affine)) < 1e-10
    parabola = torch.stack([0.5 * x**2, torch.zeros_like(x)])[
        None
    ]  # second difference 1, in one of two components, along one axis
    torch.testing.assert_close(bending(parabola), torch.tensor(0.5))


@pytest.mark.parametrize(
    ("people", "noise"),
    [(30, 0.3), (9, 0.3), (30, 0.0)],
    ids=["many", "fewer than numbers of a feature", "no noise"],
)
def test_a_new_decoder_draws_the_ridge_regression_of_faces_on_features(people: int, noise: float) -> None:
    """As scikit-learn computes it; the ridge is the sum over faces of the variance of the noise."""
    torch.manual_seed(0)
    decoder, faces, features = (
        FaceDecoder(12, width=16, channels=4),
        torch.rand(people, 3, 64, 64),
        5 + 3 * torch.randn(people, 12),
    )
    decoder.start_from(faces, features, noise)
    x, y, new = features.double().numpy(), faces.flatten(1).double().numpy(), 5 + 3 * torch.randn(4, 12)
    deviation = np.sqrt(((x - x.mean(axis=0)) ** 2).mean())
    expected = Ridge(alpha=people * (noise * deviation) ** 2).fit(x, y).predict(new.double().numpy())
    np.testing.assert_allclose(
        decoder(new).detach().flatten(1).numpy(), expected, atol=1e-3 if noise == 0 else 1e-4
    )


def test_a_new_decoder_draws_what_many_faces_with_noise_on_their_features_would_teach_it() -> None:
    """Least squares on copies of each face, each with noise of its own, end near the ridge; without the noise
    they end elsewhere."""
    torch.manual_seed(0)
    decoder, faces, features = (
        FaceDecoder(12, width=16, channels=4),
        torch.rand(14, 3, 64, 64),
        5 + 3 * torch.randn(14, 12),
    )
    decoder.start_from(faces, features, 0.5)
    copies = (features + 0.5 * decoder.scale * torch.randn(3000, 14, 12)).flatten(0, 1).numpy()
    x, y = features.numpy(), faces[:, :, 20, 20].numpy()
    taught, untaught = (
        LinearRegression().fit(copies, np.tile(y, (3000, 1))).predict(x),
        LinearRegression().fit(x, y).predict(x),
    )
    drawn = decoder(features)[:, :, 20, 20].detach().numpy()
    assert np.abs(drawn - taught).max() < 0.02 < np.abs(drawn - untaught).max()


def test_features_of_all_sizes_leave_the_mean_face_at_the_mean_feature() -> None:
    """Also where the features have more directions than are drawn."""
    torch.manual_seed(0)
    decoder, faces, features = (
        FaceDecoder(200, width=16, channels=4),
        torch.rand(160, 3, 64, 64),
        5 + 3 * torch.randn(160, 200),
    )
    decoder.start_from(faces, features, 0.3)
    torch.testing.assert_close(decoder(decoder.centre[None])[0], faces.mean(dim=0), atol=1e-4, rtol=1e-4)
    assert (
        np.linalg.matrix_rank(
            (decoder(features) - faces.mean(dim=0)).detach().flatten(1).double().numpy(), tol=1e-3
        )
        == COMPONENTS
    )


def test_the_first_layer_sees_features_about_their_mean_in_their_own_deviation() -> None:
    torch.manual_seed(0)
    decoder, faces, features = (
        FaceDecoder(12, width=16, channels=4),
        torch.rand(9, 3, 64, 64),
        5 + 3 * torch.randn(9, 12),
    )
    decoder.start_from(faces, features, 0.3)
    seen = (features - decoder.centre) / decoder.scale
    torch.testing.assert_close(seen.mean(dim=0), torch.zeros(12), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.square().mean(), torch.tensor(1.0))
    assert decoder.first_layer(features).shape == (9, 16)
    assert (decoder.first_layer(features) >= 0).all()


def test_a_face_is_its_texture_warped_by_its_shape_and_both_depend_on_the_feature() -> None:
    torch.manual_seed(0)
    decoder, features = FaceDecoder(12, width=16, channels=4), torch.randn(3, 12)
    for branch in (decoder.shape[2], decoder.picture):
        torch.nn.init.normal_(branch.weight, std=0.5)
    texture, shifts = decoder.parts(features)
    assert texture.shape == (3, 3, 64, 64)
    assert shifts.shape == (3, 2, GRID, GRID)
    assert texture.std(dim=0).max() > 0
    assert shifts.std(dim=0).max() > 0
    torch.testing.assert_close(decoder(features), warp(texture, shifts))
    assert not torch.allclose(decoder(features), texture)


def test_exaggeration_goes_away_from_the_mean_feature() -> None:
    decoder = FaceDecoder(2)
    decoder.centre.copy_(torch.tensor([1.0, 2.0]))
    feature = torch.tensor([[2.0, 1.0]])
    torch.testing.assert_close(decoder.exaggerate(feature, 2.0), torch.tensor([[3.0, 0.0]]))
    torch.testing.assert_close(decoder.exaggerate(feature, 1.0), feature)
