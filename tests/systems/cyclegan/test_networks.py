"""Networks of the conditional CycleGAN: where they start, their shapes and sizes, and the linear maps against
brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepfacegen.systems.cyclegan.fits import fit_edit, fit_start
from deepfacegen.systems.cyclegan.networks import (
    Critic,
    LinearEdit,
    LinearUpscale,
    LowCritic,
    Reducer,
    Upscaler,
    bicubic,
    reduced,
)


@pytest.mark.parametrize(("size", "scale"), [(64, 4), (128, 8), (128, 4), (128, 2), (256, 8)])
def test_faces_come_out_at_the_size_and_a_new_generator_is_bicubic(size: int, scale: int) -> None:
    low = torch.rand(2, 3, size // scale, size // scale) * 2 - 1
    network = Upscaler(3, 5, size, scale, channels=8, strength=1.0, kept=0.5)
    drawn = network(low, torch.tensor([[1.0, -1.0, 0.0]] * 2), torch.zeros(2, 5))
    assert drawn.shape == (2, 3, size, size)
    torch.testing.assert_close(drawn, bicubic(low, scale))


def test_a_new_reducer_reduces_by_area_and_critics_give_one_logit_each() -> None:
    faces = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(Reducer(64, 4, 8)(faces), faces.view(2, 3, 16, 4, 16, 4).mean(dim=(3, 5)))
    assert LowCritic(8)(reduced(faces, 4)).shape == (2,)
    critic = Critic(3, 64, 8)
    embedding = critic.trunk(faces)
    assert critic.attributes(embedding).shape == (2, 3)
    # Attributes that nobody asked for say nothing: what is left is whether the face is real.
    torch.testing.assert_close(critic.logits(embedding, torch.zeros(2, 3)), critic.real(embedding).squeeze(1))


def test_the_default_networks_have_the_sizes_that_their_layers_imply() -> None:
    with torch.device("meta"):
        network = Upscaler(6, 64, 128, 8, channels=48, strength=1.0, kept=0.5)
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    folded, c, style = 3 * 4**2, 48, 64

    def conv(a: int, b: int, bias: bool = True) -> int:
        return 9 * a * b + (b if bias else 0)

    widths = [(c, c), (c, 2 * c), (2 * c, 2 * c), (2 * c, c), (c, c)]
    assert sizes["enter"] == conv(folded, c)
    assert sizes["picture"] == conv(c, folded, bias=False)
    assert sizes["convolutions"] == sum(conv(a, b) for a, b in widths)
    assert sizes["modulations"] == sum((style + 1) * 2 * b for _, b in widths)
    assert sizes["style"] == (2 * 6 + 64 + 1) * style + (style + 1) * style
    assert network.start.weight.shape == (16 * 16, 3 * 25 + 6 + 1, 3 * 64)


def test_each_place_has_the_ridge_regression_of_what_bicubic_misses() -> None:
    rng = np.random.default_rng(0)
    faces = torch.from_numpy(rng.uniform(-1, 1, (12, 3, 64, 64)).astype(np.float32))
    shown = torch.from_numpy(rng.choice([-1.0, 1.0], (12, 2)).astype(np.float32))
    start = LinearUpscale(2, 64, 4)
    fit_start(start, iter([(faces[:5], shown[:5]), (faces[5:], shown[5:])]), ridge=2.0)
    both, told = torch.cat([faces, faces.flip(3)]).double(), shown.repeat(2, 1).double().numpy()
    low = reduced(both, 4)
    row, column = 3, 7
    around = low[:, :, row - 2 : row + 3, column - 2 : column + 3].flatten(1).numpy()
    x = np.concatenate([around, told, np.ones((24, 1))], axis=1)
    y = (both - bicubic(low, 4))[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten(1).numpy()
    penalty = np.diag([2.0] * (x.shape[1] - 1) + [0.002])
    expected = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    np.testing.assert_allclose(start.weight[row * 16 + column], expected, atol=1e-4)


def test_only_what_a_face_plainly_contradicts_is_moved_until_it_shows_that() -> None:
    edit = LinearEdit(2, 0, 16, strength=1.5, kept=0.5)
    with torch.no_grad():
        edit.guess.weight.zero_()
        edit.guess.bias.copy_(torch.tensor([0.9, 0.05]))
    edit.direction[0], edit.direction[1] = 0.1, 0.3
    edit.answer[0] = 0.8
    low = torch.zeros(4, 3, 16, 16)
    asked = torch.tensor([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [-1.0, -1.0]])
    moved, by = edit(low, asked, torch.zeros(4, 0))
    # The second attribute is guessed with 0.05, which is not plain; against the first, the face goes from 0.9
    # to -1.5, 0.8 of a step at each.
    torch.testing.assert_close(by, torch.tensor([[0.0, 0], [-3, 0], [0, 0], [-3, 0]]))
    torch.testing.assert_close(moved.mean(dim=(1, 2, 3)), torch.tensor([0.0, -0.3, 0.0, -0.3]))


def _fitted(kept: float) -> tuple[LinearEdit, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Low-res faces [200, 3, 16, 16] that are mirror-even, linear in an attribute [200, 1] and in a unit
    embedding [200, 4], and a little noisy."""
    rng = torch.Generator().manual_seed(4)
    shown = torch.where(torch.rand(200, 1, generator=rng) < 0.5, -1.0, 1.0)
    known = torch.nn.functional.normalize(torch.randn(200, 4, generator=rng), dim=1)
    looks = torch.randn(5, 3, 16, 16, generator=rng) * 0.1
    looks = 0.5 * (looks + looks.flip(3))
    low = torch.einsum("bk,kchw->bchw", torch.cat([known, shown], dim=1), looks) + 0.01 * torch.randn(
        200, 3, 16, 16, generator=rng
    )
    edit = LinearEdit(1, 4, 16, strength=1.0, kept=kept)
    fit_edit(edit, iter([(low[:90], shown[:90]), (low[90:], shown[90:])]), known)
    return edit, low, shown, known


def test_a_face_that_was_moved_reads_as_was_asked() -> None:
    edit, low, shown, _ = _fitted(kept=0.5)
    assert (edit.guessed(low).sign() == shown).all()
    for strength in (1.0, 2.0):
        edit.strength = strength
        moved, by = edit(low, -shown, torch.zeros(200, 4))
        torch.testing.assert_close(edit.guessed(moved), -strength * shown, atol=1e-3, rtol=0)
        assert (by.sign() == -shown).all()
    torch.testing.assert_close(edit(low, shown, torch.zeros(200, 4))[0], low)


def test_with_anothers_identity_a_face_looks_like_that_one_and_keeps_a_share_of_the_rest() -> None:
    kept = 0.25
    edit, low, shown, known = _fitted(kept)
    assert edit.recognise is not None
    theirs = known.roll(1, dims=0)
    unlike = (known * theirs).sum(dim=1) < 0  # so that the two have nothing in common
    like = edit(low, torch.zeros_like(shown), theirs)[0]
    # What identities do not tell here is the attribute, and of that a share is kept.
    rest = low - edit.plain - torch.einsum("bd,dchw->bchw", known, edit.looks)
    expected = edit.plain + torch.einsum("bd,dchw->bchw", theirs, edit.looks) + kept * rest
    torch.testing.assert_close(like[unlike], expected[unlike], atol=0.03, rtol=0)
    # A face that already looks like that is hardly changed, and one for which no identity is asked is left as
    # it is.
    assert (edit(low, torch.zeros_like(shown), known)[0] - low).abs().mean() < 0.02 * (
        like - low
    ).abs().mean()
    assert torch.equal(edit(low, torch.zeros_like(shown), torch.zeros_like(known))[0], low)


def test_an_attribute_that_nobody_is_known_to_show_moves_nothing() -> None:
    edit = LinearEdit(1, 0, 16, strength=2.0, kept=0.5)
    low = torch.rand(6, 3, 16, 16)
    fit_edit(edit, iter([(low, torch.zeros(6, 1))]), torch.zeros(6, 0))
    assert torch.equal(edit(low, torch.ones(6, 1), torch.zeros(6, 0))[0], low)
