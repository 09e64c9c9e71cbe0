"""The heads: a linear start until something is learned, members that do not mix, and the mean of their
cosines as the score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deepfacegen.systems.contrastive.networks import Matcher


@pytest.fixture
def matcher() -> Matcher:
    torch.manual_seed(0)
    found = Matcher(members=3, voice_dim=5, face_dim=7, components=4, hidden=6)
    for tensor in (found.voice.start, found.face.start, found.face_basis, found.voice_mean, found.face_mean):
        tensor.copy_(torch.randn(tensor.shape))
    found.voice_spread.fill_(2.0)
    return found


def test_untrained_heads_are_their_linear_start(matcher: Matcher) -> None:
    voices, faces = torch.randn(8, 5), torch.randn(9, 7)
    expected = np.zeros((8, 9))
    for m in range(3):
        a = ((voices - matcher.voice_mean) / 2 @ matcher.voice.start[m]).numpy()
        b = ((faces - matcher.face_mean) @ matcher.face_basis @ matcher.face.start[m]).numpy()
        expected += a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)[None] / 3
    found = matcher(voices, faces)
    assert found.shape == (8, 9)
    np.testing.assert_allclose(found.detach(), expected, atol=1e-5)


def test_what_is_learned_is_added_before_the_length_is_taken_away(matcher: Matcher) -> None:
    torch.nn.init.normal_(matcher.voice.down)
    x = torch.randn(8, 5)
    found = matcher.voice(x)
    for m in range(3):
        hidden = F.gelu(x @ matcher.voice.up[m] + matcher.voice.up_bias[m])
        torch.testing.assert_close(
            found[m], F.normalize(x @ matcher.voice.start[m] + hidden @ matcher.voice.down[m], dim=1)
        )
    nothing = matcher.voice(x, torch.zeros(8, 6))
    torch.testing.assert_close(nothing[1], F.normalize(x @ matcher.voice.start[1], dim=1))


def test_members_do_not_learn_from_each_other(matcher: Matcher) -> None:
    torch.nn.init.normal_(matcher.voice.down)
    matcher.voice(torch.randn(4, 5))[1].sum().backward()
    for parameter in matcher.voice.parameters():
        assert parameter.grad[1].abs().sum() > 0
        assert not parameter.grad[[0, 2]].any()
