"""VGG-M streams against the published layers, map sizes and counts, and the spectrogram against numpy's
transform."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deepfacegen.systems import vggm

# Weights of each layer: kernel x kernel x in x out, as published; batch norm adds a scale and a shift for
# each channel.
FACE = {
    "conv1": 7 * 7 * 3 * 96,
    "conv2": 5 * 5 * 96 * 256,
    "conv3": 3 * 3 * 256 * 512,
    "conv4": 3 * 3 * 512 * 512,
    "conv5": 3 * 3 * 512 * 512,
    "fc6": 6 * 6 * 512 * 4096,
    "fc7": 4096 * 1024,
}
FACE_NORMS = 96 + 256 + 3 * 512 + 4096 + 1024
VOICE = {
    "conv1": 7 * 7 * 1 * 96,
    "conv2": 5 * 5 * 96 * 256,
    "conv3": 3 * 3 * 256 * 384,
    "conv4": 3 * 3 * 384 * 256,
    "conv5": 3 * 3 * 256 * 256,
    "conv6": 9 * 1 * 256 * 4096,
    "fc7": 4096 * 1024,
}
VOICE_NORMS = 96 + 256 + 384 + 256 + 256 + 4096 + 1024


def on_meta(stream: type[nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return stream().eval()


@pytest.mark.parametrize(
    ("stream", "layers", "norms"),
    [(vggm.FaceStream, FACE, FACE_NORMS), (vggm.VoiceStream, VOICE, VOICE_NORMS)],
)
def test_every_layer_has_the_published_number_of_weights(
    stream: type[nn.Module], layers: dict[str, int], norms: int
) -> None:
    network = on_meta(stream)
    found = {
        name.split(".")[-1]: m.weight.numel()
        for name, m in network.named_modules()
        if isinstance(m, (nn.Conv2d, nn.Linear))
    }
    assert found == layers
    assert sum(p.numel() for p in network.parameters()) == sum(layers.values()) + 2 * norms


def sides(network: nn.Module, x: Tensor) -> dict[str, tuple[int, ...]]:
    """Name of each convolution and pooling -> the size of its map."""
    found = {}
    for name, module in network.maps.named_children():
        x = module(x)
        if name.startswith(("conv", "pool")):
            found[name] = tuple(x.shape[2:])
    return found


def test_a_face_of_224_px_passes_through_the_published_maps() -> None:
    network = on_meta(vggm.FaceStream)
    found = sides(network, torch.zeros(1, 3, 224, 224, device="meta"))
    square = {
        "conv1": 109,
        "pool1": 54,
        "conv2": 26,
        "pool2": 13,
        "conv3": 13,
        "conv4": 13,
        "conv5": 13,
        "pool5": 6,
    }
    assert found == {name: (side, side) for name, side in square.items()}
    assert network(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, 1024)


def test_three_seconds_pass_through_the_published_maps() -> None:
    found = sides(on_meta(vggm.VoiceStream), torch.zeros(1, 1, 512, 300, device="meta"))
    assert found == {
        "conv1": (254, 148),
        "pool1": (126, 73),
        "conv2": (62, 36),
        "pool2": (30, 17),
        "conv3": (30, 17),
        "conv4": (30, 17),
        "conv5": (30, 17),
        "pool5": (9, 8),
        "conv6": (1, 8),
    }


def test_other_lengths_leave_as_many_steps_as_the_published_pooling_expects() -> None:
    network = on_meta(vggm.VoiceStream)
    steps = [sides(network, torch.zeros(1, 1, 512, 100 * k, device="meta"))["conv6"][1] for k in range(1, 11)]
    assert steps == [2, 5, 8, 11, 14, 17, 20, 23, 27, 30]


def test_a_voice_becomes_1024_values_whatever_its_length() -> None:
    torch.manual_seed(0)
    network = vggm.VoiceStream().eval()
    for seconds in (0.7, 3.0):
        assert network(torch.randn(1, int(16_000 * seconds))).shape == (1, 1024)


def test_the_spectrogram_is_numpys_with_every_frequency_in_its_own_units() -> None:
    rng = np.random.default_rng(0)
    wave = rng.normal(size=16_000).astype(np.float32)
    found = vggm.spectrogram(torch.from_numpy(wave)[None])[0].numpy()
    assert found.shape == (512, 100)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 400)
    padded = np.pad(wave.astype(np.float64), 512)
    # A frame of 1024 samples round sample 160 t, of which the window covers the middle 400.
    frames = np.stack([padded[160 * t + 312 : 160 * t + 712] * window for t in range(100)])
    size = np.abs(np.fft.rfft(frames, 1024))[:, :512].T
    expected = (size - size.mean(axis=1, keepdims=True)) / size.std(axis=1, ddof=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_gain_and_the_emphasis_of_high_frequencies_change_nothing() -> None:
    rng = np.random.default_rng(1)
    wave = rng.normal(size=32_000) * (1 + np.sin(np.arange(32_000) / 3000))
    emphasised = wave - 0.97 * np.concatenate([[0.0], wave[:-1]])
    plain, loud, emphasis = vggm.spectrogram(torch.from_numpy(np.stack([wave, 7 * wave, emphasised])).float())
    torch.testing.assert_close(loud, plain, atol=1e-3, rtol=1e-3)
    # Bins far below the first harmonics of the window mix with their neighbours, which emphasis weighs
    # differently.
    assert np.corrcoef(emphasis[20:].flatten(), plain[20:].flatten())[0, 1] > 0.99


def test_silence_gives_numbers() -> None:
    assert vggm.spectrogram(torch.zeros(1, 16_000, dtype=torch.int16)).abs().max() == 0


def test_the_norm_takes_maps_and_vectors() -> None:
    norm = vggm.Norm(3)
    for shape in ((8, 3), (8, 3, 5), (8, 3, 4, 2)):
        out = norm(5 + 2 * torch.randn(shape))
        torch.testing.assert_close(
            out.transpose(0, 1).flatten(1).mean(dim=1), torch.zeros(3), atol=1e-5, rtol=0
        )
    with pytest.raises(ValueError, match="expected"):
        norm(torch.zeros(3))
