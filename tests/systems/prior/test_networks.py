"""The networks of the prior."""

from __future__ import annotations

import pytest
import torch

from deepfacegen.systems.prior.networks import (
    DETAIL,
    STYLE,
    FaceEncoder,
    RealFace,
    RealPlaces,
    Synthesis,
    Trunk,
    widths_by_size,
)

CODE = 8


def test_widths_double_at_every_halving_up_to_the_limit() -> None:
    assert widths_by_size(64, 24, 128) == {32: 24, 16: 48, 8: 96, 4: 128}


@pytest.mark.parametrize("size", [32, 64, 128])
def test_shapes_at_every_image_size(size: int) -> None:
    sizes = (size, 8, 16)
    face = Synthesis(*sizes, CODE)(torch.randn(3, CODE))
    assert face.shape == (3, 3, size, size)
    mean, log_variance = FaceEncoder(*sizes, CODE)(face)
    assert mean.shape == log_variance.shape == (3, CODE)
    logit, features = RealFace(*sizes)(face)
    assert logit.shape == (3,)
    assert [f.shape[2] for f in features] == [size // 2**k for k in range(1, len(features) + 1)]
    assert features[-1].shape[2] == 4


def test_every_number_of_a_code_changes_the_face_and_no_other_face_of_the_batch() -> None:
    torch.manual_seed(0)
    synthesis, code = Synthesis(32, 8, 16, CODE).eval(), torch.randn(1, CODE)
    faces = synthesis(torch.cat([code, code + torch.eye(CODE)]))
    assert (faces[1:] - faces[:1]).abs().mean(dim=(1, 2, 3)).min() > 1e-3
    torch.testing.assert_close(synthesis(code), faces[:1])


def test_the_style_alone_changes_the_face() -> None:
    torch.manual_seed(0)
    synthesis = Synthesis(32, 8, 16, CODE).eval()
    torch.nn.init.zeros_(synthesis.start.weight)
    one, other = synthesis(torch.randn(2, CODE))
    assert (one - other).abs().mean() > 1e-3


def test_an_encoder_begins_sure_of_codes_of_about_unit_size_and_stays_within_bounds() -> None:
    torch.manual_seed(0)
    encoder, faces = FaceEncoder(64, 24, 128, 64), torch.randn(32, 3, 64, 64).clamp(-1, 1)
    mean, log_variance = encoder(faces)
    assert 0.2 < mean.std() < 5
    assert log_variance.mean() < -1
    encoder.code.bias.data[64:] = torch.linspace(-1000, 1000, 64)
    _, log_variance = encoder(faces)
    assert (log_variance.min(), log_variance.max()) == (-10, 4)


def test_a_sharp_trunk_sees_what_a_mean_of_two_pixels_leaves_out_enlarged() -> None:
    torch.manual_seed(0)
    sharp, plain = Trunk(32, 8, 16, STYLE, sharp=True), Trunk(32, 8, 16, STYLE)
    flat = torch.zeros(1, 3, 32, 32)
    stripes = 0.1 * (torch.arange(32) % 2 * 2 - 1.0).expand(1, 3, 32, 32)

    def seen(trunk: Trunk, face: torch.Tensor) -> torch.Tensor:
        """What the first convolution gets."""
        inputs: list[torch.Tensor] = []
        handle = trunk.stages[0].register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
        trunk(face)
        handle.remove()
        return inputs[0]

    blocks = torch.rand(1, 3, 16, 16).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert seen(plain, flat).shape[1] == 12
    assert seen(sharp, flat).shape[1] == 24
    assert (seen(sharp, blocks)[:, 12:] == 0).all()  # no detail finer than two pixels
    torch.testing.assert_close(seen(sharp, stripes)[:, 12:].abs(), torch.full((1, 12, 16, 16), 0.1 * DETAIL))
    torch.testing.assert_close(seen(sharp, stripes)[:, :12], seen(plain, stripes))


def test_places_are_undecided_at_first_then_each_follows_its_own_place() -> None:
    torch.manual_seed(0)
    places, trunk = RealPlaces(64, 8, 16), Trunk(64, 8, 16, STYLE)
    face = torch.randn(1, 3, 64, 64)
    features = trunk(face)[1]
    logits = places(features)
    assert logits.shape == (1, 16**2 + 8**2)
    assert (logits == 0).all()
    for weight in places.weights:
        torch.nn.init.normal_(weight)
    changed = face.clone()
    changed[..., 56:, 56:] += 1  # the last of the 8 x 8 places
    moved = (places(trunk(changed)[1]) - places(features))[0].abs()
    assert moved[-1] > 1e-3
    assert (moved[256 + torch.arange(24)] == 0).all()  # the upper three rows
    assert (moved[: 8 * 16] == 0).all()
