"""Networks of Learnable PINs: the published sizes layer by layer, and what the small ones compute."""

from __future__ import annotations

import torch

from deepfacegen.systems.pins import networks


def weights(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def convolutions(*layers: tuple[int, int, int]) -> int:
    """Of (inputs, outputs, kernel area), each with a batch norm in place of a bias."""
    return sum(i * o * area + 2 * o for i, o, area in layers)


def test_the_published_networks_have_the_published_layers() -> None:
    with torch.device("meta"):
        joint = networks.published(256).eval()
        assert joint.face(torch.empty(2, 3, 224, 224)).shape == (2, 256)
        assert joint.voice.trunk.maps(torch.empty(2, 1, 512, 300)).shape == (2, 4096, 1, 8)
        assert joint.voice.fc8(torch.empty(2, 1024)).shape == (2, 256)
    last = 1024 * 256 + 256
    face = convolutions(
        (3, 96, 49),
        (96, 256, 25),
        (256, 512, 9),
        (512, 512, 9),
        (512, 512, 9),
        (512 * 36, 4096, 1),
        (4096, 1024, 1),
    )
    voice = convolutions(
        (1, 96, 49),
        (96, 256, 25),
        (256, 384, 9),
        (384, 256, 9),
        (256, 256, 9),
        (256, 4096, 9),
        (4096, 1024, 1),
    )
    assert weights(joint.face) == face + last
    assert weights(joint.voice) == voice + last


def test_embeddings_are_unit_vectors_in_single_precision() -> None:
    torch.manual_seed(0)
    joint = networks.small(5, 7, 3, 16)
    with torch.autocast("cpu", torch.bfloat16):
        voices, faces = joint.voice(torch.randn(4, 5)), joint.face(torch.randn(6, 3))
    assert voices.shape == (4, 16)
    assert faces.shape == (6, 16)
    assert voices.dtype == torch.float32
    torch.testing.assert_close(torch.cat([voices, faces]).norm(dim=1), torch.ones(10))


def test_of_the_small_networks_only_the_last_layers_are_trained() -> None:
    joint = networks.small(5, 7, 3, 16)
    assert weights(joint) == 5 * 16 + 16 + 3 * 16 + 16
    joint.prepare_face.load_state_dict({"mean": torch.arange(7.0), "matrix": torch.eye(7)[:, :3]})
    torch.testing.assert_close(joint.prepare_face(torch.full((1, 7), 2.0)), torch.tensor([[2.0, 1.0, 0.0]]))
