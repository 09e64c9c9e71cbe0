"""Speech2Face's front end against scipy's and the paper's sizes, its encoder against the published layers and
counts, and our small head."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.signal import get_window
from torch import nn

from deepfacegen.systems.speech2face.networks import SIZES, EmbeddingNet, VoiceNet, complex_spectrogram


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_six_seconds_are_598_frames_of_257_bins_in_two_parts() -> None:
    assert complex_spectrogram(torch.zeros(2, 96_000)).shape == (2, 2, 257, 598)


def test_a_bin_is_the_signed_power_of_both_parts_of_a_windowed_transform() -> None:
    rng = np.random.default_rng(0)
    wave = rng.normal(size=2000)
    wave /= np.sqrt((wave**2).mean())
    found = complex_spectrogram(torch.from_numpy(wave)[None].float())[0].numpy()
    window = get_window("hann", 400)
    for frame in (0, 3, 9):
        whole = np.fft.rfft(wave[160 * frame : 160 * frame + 400] * window, 512)
        for part, expected in zip(found[:, :, frame], (whole.real, whole.imag), strict=True):
            np.testing.assert_allclose(
                part, np.sign(expected) * np.abs(expected) ** 0.3, atol=0.03
            )  # the power is steep at 0
    assert found.shape == (2, 257, 11)


def test_how_loud_a_recording_is_says_nothing() -> None:
    wave = np.random.default_rng(1).integers(-3000, 3000, (1, 4000)).astype(np.int16)
    quiet, loud = (complex_spectrogram(torch.from_numpy(w)) for w in (wave, 3 * wave))
    torch.testing.assert_close(quiet, loud, atol=2e-2, rtol=1e-3)
    silent = complex_spectrogram(torch.zeros(1, 4000, dtype=torch.int16))
    assert (silent == 0).all()


def test_less_than_a_window_has_no_spectrogram() -> None:
    with pytest.raises(ValueError, match="400 samples"):
        complex_spectrogram(torch.zeros(1, 399))


def test_the_published_encoder_has_the_published_layers_and_148_million_weights() -> None:
    with torch.device("meta"):
        network = VoiceNet(4096)
        spectrogram = torch.empty(1, 2, 257, 598)
    widths = [2, 64, 64, 128, 128, 128, 256, 512, 512, 512]
    convolutions = sum(16 * a * b + b + 2 * b for a, b in pairwise(widths))  # each with its batch norm
    assert count(network.convolutions) + count(network.norms) == convolutions
    assert round(convolutions / 1e5) == 117  # 11.7 million
    assert count(network.dense) == 57 * 512 * 4096 + 4096 + 4096 * 4096 + 4096
    assert round(count(network) / 1e6) == 148
    network.eval()
    assert network.maps(spectrogram).shape == (1, 512, 57, 1)
    assert network(spectrogram).shape == (1, 4096)


def plain(network: VoiceNet) -> nn.Sequential:
    """The published layers in their published order, for 6 s, with the weights of ours."""
    layers: list[nn.Module] = []
    for i, (convolution, norm) in enumerate(zip(network.convolutions, network.norms, strict=True)):
        layers += [convolution, *([nn.AvgPool2d((1, 6))] if i == 8 else []), nn.ReLU(), norm]
        layers += [nn.MaxPool2d((1, 2))] if i in (2, 3, 4, 5) else []
    return nn.Sequential(*layers, nn.Flatten(), network.dense)


def test_six_seconds_are_heard_as_by_the_published_layers() -> None:
    torch.manual_seed(0)
    network = VoiceNet(10, "small")
    for norm in network.norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias)
    spectrogram = torch.randn(2, 2, 257, 598)
    expected = plain(network).train()(spectrogram)
    torch.testing.assert_close(network.train()(spectrogram), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        network.eval()(spectrogram), plain(network).eval()(spectrogram), rtol=1e-4, atol=1e-4
    )


def test_any_length_from_259_frames_on_is_heard() -> None:
    network = VoiceNet(7, "small").eval()
    assert network(torch.randn(1, 2, 257, 259)).shape == (1, 7)
    assert network(torch.randn(1, 2, 257, 700)).shape == (1, 7)
    with pytest.raises(RuntimeError):
        network(torch.randn(1, 2, 257, 258))
    assert set(SIZES) == {"published", "small"}
    assert count(VoiceNet(128, "small")) < 1_000_000


def test_a_described_voice_starts_as_the_regression_and_noise_moves_its_directions() -> None:
    rng = np.random.default_rng(0)
    mean, matrix, feature, weights = (
        rng.normal(size=5),
        rng.normal(size=(5, 2)),
        rng.normal(size=3),
        rng.normal(size=(2, 3)),
    )
    network = EmbeddingNet(5, 2, 3)
    network.start_from(mean, matrix, feature, weights)
    described = rng.normal(size=(4, 5)).astype(np.float32)
    found = network(torch.from_numpy(described)).detach().numpy()
    np.testing.assert_allclose(found, feature + (described - mean) @ matrix @ weights, atol=1e-5)
    moved = network(torch.from_numpy(described), torch.ones(4, 2)).detach().numpy()
    np.testing.assert_allclose(moved, found + weights.sum(axis=0), atol=1e-5)
