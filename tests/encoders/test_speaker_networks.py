"""The log-mel front end and the voice encoders."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from deepfacegen.encoders.logmel import LogMel
from deepfacegen.encoders.speaker_networks import AttentiveStatistics, MarginClassifier, VoiceModel


def tone(frequency_hz: float, seconds: float = 1.0, level: float = 0.1) -> torch.Tensor:
    time = torch.arange(int(16_000 * seconds)) / 16_000
    return level * torch.sin(2 * math.pi * frequency_hz * time)[None]


def test_a_tone_lights_the_band_that_holds_its_frequency() -> None:
    # HTK mel scale: 64 triangles between 20 and 7600 Hz, centres at i / 65 of the way in mel.
    def mel(hz: float) -> float:
        return 2595 * math.log10(1 + hz / 700)

    for frequency in (300.0, 1000.0, 4000.0):
        expected = (mel(frequency) - mel(20)) / (mel(7600) - mel(20)) * 65 - 1
        loudest = int(LogMel("none")(tone(frequency))[0].mean(dim=1).argmax())
        assert abs(loudest - expected) <= 1


def test_level_normalisation_ignores_loudness_and_keeps_the_envelope() -> None:
    rng = torch.Generator().manual_seed(0)
    speech = torch.randn(1, 16_000, generator=rng) * 0.05 + tone(500.0)
    quiet, loud = LogMel("level")(speech * 0.1), LogMel("level")(speech)
    torch.testing.assert_close(quiet, loud, atol=1e-3, rtol=1e-3)
    envelope = loud.mean(dim=2)[0]
    assert envelope.max() - envelope.min() > 1.0
    band = LogMel("band")(speech).mean(dim=2)[0]
    assert band.abs().max() < 1e-3


def test_int16_and_float_waveforms_agree() -> None:
    speech = (tone(700.0) * 32768).round()
    torch.testing.assert_close(LogMel()(speech.to(torch.int16)), LogMel()(speech / 32768))


@pytest.mark.parametrize("architecture", ["ecapa", "wen"])
@pytest.mark.parametrize("seconds", [1.0, 3.7])
def test_embeddings_are_unit_vectors_for_any_length(architecture: str, seconds: float) -> None:
    model = VoiceModel(architecture, dim=32, channels=32).eval()
    embedding = model(tone(200.0, seconds).repeat(2, 1))
    assert embedding.shape == (2, 32)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))


def test_attentive_statistics_of_even_attention_are_mean_and_deviation() -> None:
    pool = AttentiveStatistics(4)
    torch.nn.init.zeros_(pool.attention[2].weight)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 4, 50)).astype(np.float32))
    expected = torch.cat([x.mean(dim=2), x.std(dim=2, unbiased=False)], dim=1)
    torch.testing.assert_close(pool(x), expected, atol=1e-5, rtol=1e-4)


def test_margin_loss_matches_the_formula() -> None:
    classifier = MarginClassifier(2, 2, margin=0.3, scale=10.0)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    angle = 0.5
    embedding = torch.tensor([[math.cos(angle), math.sin(angle)]])
    loss, cosine = classifier(embedding, torch.tensor([0]))
    own, other = 10 * math.cos(angle + 0.3), 10 * math.sin(angle)
    assert loss.item() == pytest.approx(math.log(math.exp(own) + math.exp(other)) - own, rel=1e-4)
    torch.testing.assert_close(cosine, embedding)
