"""The face networks: shapes, size, what is computed from what, and gradients back to the picture."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from deepfacegen.encoders import face
from deepfacegen.encoders.face_networks import DROPOUT, DlibFace, FaceNet


@pytest.fixture(scope="module")
def net() -> FaceNet:
    torch.manual_seed(0)
    return FaceNet(dim=16, channels=8).eval()


def test_the_default_has_about_a_million_weights() -> None:
    with torch.device("meta"):
        net = FaceNet()
    widths = [3, 32, 64, 96, 128]
    by_hand = sum(9 * a * b + 2 * b + b + 2 * (9 * b * b + 2 * b) + b for a, b in pairwise(widths))
    by_hand += 128 * 4 * 4 * 128 + 2 * 128
    assert sum(p.numel() for p in net.parameters()) == by_hand == 1_003_104
    assert (net.dim, net.width) == (128, 2048)


def test_shapes_and_unit_length(net: FaceNet) -> None:
    embedding, feature = net(torch.rand(3, 3, 64, 64) * 2 - 1)
    assert embedding.shape == (3, 16)
    assert feature.shape == (3, net.width) == (3, 32 * 16)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))


def test_what_is_dropped_of_the_feature_does_not_reach_the_embedding(net: FaceNet) -> None:
    faces = torch.rand(2, 3, 64, 64)
    keep = (torch.arange(net.width) % 2 == 0).expand(2, -1)
    embedding, feature = net(faces, keep)
    expected = net.head(feature * keep / (1 - DROPOUT))
    torch.testing.assert_close(embedding, expected / expected.norm(dim=1, keepdim=True))
    assert (embedding - net(faces)[0]).abs().max() > 1e-3


def test_dlibs_network_sees_the_same_face_at_any_size_and_lets_gradients_through() -> None:
    network: DlibFace = face.ready_made()
    large = (
        torch.nn.functional.interpolate(
            torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)), (128, 128), mode="bicubic"
        )
        * 2
        - 1
    )
    small = torch.nn.functional.avg_pool2d(large, 2).requires_grad_(True)
    (a, features), (b, _) = network(large), network(small)
    assert a.shape == (2, 128)
    assert features.shape == (2, network.width) == (2, 256)
    assert torch.nn.functional.cosine_similarity(a, b).min() > 0.98
    b[0].sum().backward()
    assert small.grad[0].abs().max() > 0
    assert not small.grad[1].any()
