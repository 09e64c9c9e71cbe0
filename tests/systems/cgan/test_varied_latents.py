"""What evaluation needs of the conditional GAN: latents of its own for every voice, and another
temperature."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.evaluation.embeddings import generate_varied
from deepfacegen.systems.cgan.generate import Cgan
from deepfacegen.systems.cgan.linear_latent import Generator
from deepfacegen.systems.cgan.paper_networks import WenGenerator
from deepfacegen.systems.condition import PredictedCondition, WholeCondition
from deepfacegen.systems.prior.prior import Sizes
from deepfacegen.systems.protocol import HasTemperature, LatentGenerator

SIZES = Sizes(image_size_px=32, channels=8, max_channels=16, code_dim=8)
PARAMS = {"temperature": 0.5, "condition_noise": 0.05}


@pytest.fixture(scope="module")
def encoder() -> speaker.VoiceEncoder:
    torch.manual_seed(0)
    return speaker.VoiceEncoder(VoiceModel("ecapa", dim=64, channels=16).eval(), torch.device("cpu"))


@pytest.fixture(scope="module")
def system(encoder: speaker.VoiceEncoder) -> Cgan:
    torch.manual_seed(1)
    condition = PredictedCondition(encoder.dim, 4)
    return Cgan(encoder, condition, Generator(4, SIZES), PARAMS, SIZES.image_size_px, torch.device("cpu"))


def embedded(encoder: speaker.VoiceEncoder) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((3, encoder.dim)).astype(np.float32)


def test_a_voice_gets_the_faces_of_its_own_latents(encoder, system: Cgan) -> None:
    assert isinstance(system, LatentGenerator)
    voices = embedded(encoder)
    found = generate_varied(system, {}, voices, 2, seed=7).faces
    assert found.shape == (3, 2, 32, 32, 3)
    for v in range(3):
        alone = system.generate_from(voices[[v]], system.latents(2, 8 + v))
        assert np.abs(found[v].astype(int) - alone[0].astype(int)).max() <= 1


def test_temperature_scales_latents(encoder, system: Cgan) -> None:
    assert isinstance(system, HasTemperature)
    voices, latents = embedded(encoder), system.latents(2, 0)
    whole = system.at_temperature(1.0)
    assert (system.temperature, whole.temperature) == (0.5, 1.0)
    np.testing.assert_array_equal(
        whole.generate_from(voices, 0.5 * latents), system.generate_from(voices, latents)
    )


def test_what_voices_predict_is_scaled_and_its_uncertainty_is_not(encoder) -> None:
    predicted, latents = torch.tensor([[1.0, -2.0, 0.0, 0.5]]), torch.ones(1, 4 + 8)
    condition = PredictedCondition(encoder.dim, 4)  # begins with an uncertainty of unit deviation
    wide = Cgan(
        *(encoder, condition, Generator(4, SIZES), {**PARAMS, "condition_scale": 3.0}),
        *(SIZES.image_size_px, torch.device("cpu")),
    )
    y, _ = wide.generator_inputs(predicted, latents)
    torch.testing.assert_close(y, 3.0 * predicted + PARAMS["temperature"])


def test_without_z_the_temperature_is_1(encoder) -> None:
    paper = Cgan(encoder, WholeCondition(64), WenGenerator(64), PARAMS, 64, torch.device("cpu"))
    assert paper.temperature == 1.0
    assert paper.at_temperature(0.3).temperature == 1.0


def test_an_embedding_as_the_condition_is_not_scaled(encoder) -> None:
    params = {**PARAMS, "condition_scale": 3.0, "condition_noise": 0.0}
    paper = Cgan(encoder, WholeCondition(64), WenGenerator(64), params, 64, torch.device("cpu"))
    y, _ = paper.generator_inputs(torch.eye(64)[:2], torch.ones(2, 64))
    torch.testing.assert_close(y, torch.eye(64)[:2])
