"""Networks of the conditional CycleGAN: where they start, their shapes and sizes, and the linear maps against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepfacegen.models.cyclegan import Critic, LinearEdit, LinearUpscale, LowCritic, Reducer, Upscaler, bicubic, reduced
from deepfacegen.systems.cyclegan_fits import fit_start


@pytest.mark.parametrize(("size", "scale"), [(64, 4), (128, 8), (128, 4), (128, 2), (256, 8)])
def test_faces_come_out_at_the_size_and_a_new_generator_is_bicubic(size: int, scale: int) -> None:
    low = torch.rand(2, 3, size // scale, size // scale) * 2 - 1
    network = Upscaler(3, 5, size, scale, channels=8, strength=1.0)
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
    torch.testing.assert_close(critic.judge(embedding, torch.zeros(2, 3)), critic.real(embedding).squeeze(1))


def test_the_default_networks_have_the_sizes_that_their_layers_imply() -> None:
    with torch.device("meta"):
        network = Upscaler(6, 64, 128, 8, channels=48, strength=1.0)
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


def test_only_what_a_face_plainly_contradicts_is_moved() -> None:
    edit = LinearEdit(2, 16, strength=1.5)
    with torch.no_grad():
        edit.guess.weight.zero_()
        edit.guess.bias.copy_(torch.tensor([0.9, 0.05]))
    edit.direction[0], edit.direction[1] = 0.1, 0.3
    low = torch.zeros(4, 3, 16, 16)
    asked = torch.tensor([[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [-1.0, -1.0]])
    moved, by = edit(low, asked)
    # The second attribute is guessed with 0.05, which is not plain; against the first, the face goes from 1 to -1, one and a half times.
    assert by.tolist() == [[0, 0], [-3, 0], [0, 0], [-3, 0]]
    torch.testing.assert_close(moved.mean(dim=(1, 2, 3)), torch.tensor([0.0, -0.3, 0.0, -0.3]))
