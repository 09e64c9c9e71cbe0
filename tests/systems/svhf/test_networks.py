"""SVHF-Net's head: the order of candidates does not matter, their mean is the context, and pairs are scored
by themselves."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from deepfacegen.systems.svhf import networks

DIM = 4


def matcher(seed: int = 0) -> networks.Matcher:
    torch.manual_seed(seed)
    found = networks.Matcher(nn.Identity(), nn.Identity(), DIM, (8, 6))
    found.voice_reference.normal_()
    found.face_reference.normal_()
    return found


def vectors(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 12), st.integers(0, 1000))
def test_answers_follow_candidates_that_change_places(ways: int, seed: int) -> None:
    network = matcher()
    order = torch.randperm(ways, generator=torch.Generator().manual_seed(seed))
    probes, candidates = vectors(3, 2, seed=seed), vectors(3, ways, seed=seed + 1)
    torch.testing.assert_close(
        network.which_face(probes, candidates[:, order]), network.which_face(probes, candidates)[:, :, order]
    )
    torch.testing.assert_close(
        network.which_voice(candidates[:, order], probes), network.which_voice(candidates, probes)[:, order]
    )


def by_hand() -> networks.Matcher:
    """One value for everything: logit = relu(voice + face - 2 mean face - 3 mean voice)."""
    network = networks.Matcher(nn.Identity(), nn.Identity(), 1, (1, 1))
    weights = {"voice": 1.0, "face": 1.0, "mean_face": -2.0, "mean_voice": -3.0, "fc9": 1.0, "fc10": 1.0}
    for name, value in weights.items():
        getattr(network.head, name).weight.data.fill_(value)
    for name in ("voice", "fc9", "fc10"):
        getattr(network.head, name).bias.data.zero_()
    network.face_reference.fill_(0.5)
    network.voice_reference.fill_(-1.0)
    return network


def test_the_context_is_the_mean_of_the_candidates() -> None:
    network = by_hand()
    faces, voices = torch.tensor([[1.0], [2.0], [6.0]]), torch.tensor([[2.0], [4.0]])
    # Mean face 3, reference voice -1: voice + face - 6 + 3.
    torch.testing.assert_close(
        network.which_face(voices, faces), torch.tensor([[0.0, 1.0, 5.0], [2.0, 3.0, 7.0]])
    )
    # Reference face 0.5, mean voice 3: voice + face - 1 - 9.
    torch.testing.assert_close(
        network.which_voice(voices, faces), torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    )
    torch.testing.assert_close(
        network.which_voice(voices, faces + 6), torch.tensor([[0.0, 0.0, 4.0], [1.0, 2.0, 6.0]])
    )
    # Both references: voice + face - 1 + 3.
    torch.testing.assert_close(
        network.pairs(voices, faces), torch.tensor([[5.0, 6.0, 10.0], [7.0, 8.0, 12.0]])
    )


def test_a_pair_is_scored_alike_whoever_else_is_there_and_a_candidate_is_not() -> None:
    network = matcher()
    voices, faces = vectors(5, seed=1), vectors(7, seed=2)
    whole = network.pairs(voices, faces)
    torch.testing.assert_close(network.pairs(voices[2:3], faces[4:6]), whole[2:3, 4:6])
    assert (
        network.which_face(voices[2:3], faces[4:6]) - network.which_face(voices, faces)[2:3, 4:6]
    ).abs().max() > 1e-3


def test_pairs_are_what_a_list_with_the_reference_for_a_mean_would_give() -> None:
    network = matcher()
    voices, faces = vectors(3, seed=1), vectors(6, seed=2)
    faces = faces - faces.mean(dim=0) + network.face_reference
    torch.testing.assert_close(network.which_face(voices, faces), network.pairs(voices, faces))
    voices = voices - voices.mean(dim=0) + network.voice_reference
    torch.testing.assert_close(network.which_voice(voices, faces), network.pairs(voices, faces))


def test_fc8_in_blocks_is_a_linear_layer_over_the_concatenation() -> None:
    network = matcher()
    head = network.head
    voices, faces = vectors(2, seed=1), vectors(3, seed=2)
    of_voices, of_faces = head.parts(voices, faces, network.voice_reference, faces.mean(dim=0, keepdim=True))
    weight = torch.cat(
        [head.voice.weight, head.face.weight, head.mean_voice.weight, head.mean_face.weight], dim=1
    )
    for i in range(2):
        for j in range(3):
            whole = torch.cat([voices[i], faces[j], network.voice_reference[0], faces.mean(dim=0)])
            torch.testing.assert_close(of_voices[i] + of_faces[j], weight @ whole + head.voice.bias)


def test_the_published_network_has_one_face_stream_and_three_layers_that_see_both() -> None:
    with torch.device("meta"):
        network = networks.published()
    assert [name for name, _ in network.named_children()] == ["voice", "face", "head"]
    # fc8 sees four vectors of 1024 values: voice, face and the means of both.
    assert sum(p.numel() for p in network.head.parameters()) == (4 * 1024 * 1024 + 1024) + (
        1024 * 512 + 512
    ) + (512 + 1)
    assert network.pairs(torch.zeros(2, 1024, device="meta"), torch.zeros(3, 1024, device="meta")).shape == (
        2,
        3,
    )
    assert network.face.eval()(torch.zeros(1, 3, 224, 224, device="meta")).shape == (1, network.dim)


def test_the_small_network_takes_descriptions_and_small_faces() -> None:
    network = networks.small(
        65, networks.SmallFace(image_size_px=32, channels=4, max_channels=8, dim=16), 16, 10
    )
    assert [stage[0].weight.shape[:2] for stage in network.face.stages] == [(4, 12), (8, 4), (8, 8)]
    voices, faces = network.voice(torch.randn(3, 65)), network.face(torch.randn(3, 3, 32, 32))
    assert voices.shape == faces.shape == (3, 16)
    network.which_face(voices, faces).sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())
