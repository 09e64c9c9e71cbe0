"""The ready-made speaker encoder: its shape, its indifference to loudness, and that it really knows
voices."""

from __future__ import annotations

import math

import pytest
import torch

from deepfacegen.encoders import speaker
from deepfacegen.encoders.ge2e import Ge2eModel


def buzz(pitch_hz: float, seconds: float, seed: int) -> torch.Tensor:
    """A pulse train with a little noise, float [1, T]."""
    time = torch.arange(int(16_000 * seconds)) / 16_000
    rng = torch.Generator().manual_seed(seed)
    pulses = sum(torch.cos(2 * math.pi * pitch_hz * k * time) for k in range(1, 12))
    return 0.02 * (pulses + 0.3 * torch.randn(len(time), generator=rng))[None]


@pytest.fixture(scope="module")
def model() -> Ge2eModel:
    return speaker.ready_made().eval()


@pytest.mark.parametrize("seconds", [0.3, 1.6, 3.0, 5.1])
@torch.inference_mode()
def test_it_gives_unit_vectors_for_any_length(model: Ge2eModel, seconds: float) -> None:
    embedding = model(buzz(120.0, seconds, 0).repeat(2, 1))
    assert embedding.shape == (2, 256)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))
    assert (embedding >= 0).all()


@torch.inference_mode()
def test_loudness_and_sample_type_do_not_matter(model: Ge2eModel) -> None:
    sound = buzz(150.0, 2.0, 1)
    torch.testing.assert_close(model(sound * 0.1), model(sound), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(
        model((sound * 32768).round().to(torch.int16)), model(sound), atol=1e-2, rtol=1e-2
    )


@torch.inference_mode()
def test_a_long_clip_is_the_mean_direction_of_its_parts(model: Ge2eModel) -> None:
    sound = buzz(130.0, 2.4, 2)  # 240 frames and one more: parts begin at frames 0 and 80
    level = sound.square().mean().sqrt()
    mel = model.spectrogram(sound * 10 ** (-30 / 20) / level)[0].T
    parts = torch.stack([mel[0:160], mel[80:240]])
    vectors = torch.nn.functional.normalize(model.encoder(parts), dim=1)
    expected = torch.nn.functional.normalize(vectors.mean(dim=0), dim=0)
    torch.testing.assert_close(model(sound)[0], expected, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_the_same_voice_is_nearer_than_another(model: Ge2eModel) -> None:
    low, again, high = model(torch.cat([buzz(100.0, 2.0, 3), buzz(100.0, 2.0, 4), buzz(220.0, 2.0, 5)]))
    assert low @ again > 0.9
    assert low @ high < low @ again - 0.1
