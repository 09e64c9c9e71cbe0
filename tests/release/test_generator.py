"""Generation without torch: the latents of a seed, and the ONNX model beside the networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from deepfacegen.errors import UserError
from deepfacegen.release import export, latents, loading
from deepfacegen.release.generator import VoiceGenerator
from deepfacegen.release.loading import Networks
from deepfacegen.release.onnx_generator import FACES_AT_ONCE, OnnxGenerator
from deepfacegen.training.steps import seeded


@pytest.fixture(scope="module")
def both(release: Path) -> tuple[VoiceGenerator, VoiceGenerator]:
    found = tuple(loading.load(release, onnx, "cpu") for onnx in (release / "voice_to_face.onnx", None))
    assert [type(one) for one in found] == [OnnxGenerator, Networks]
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("dim", [1, 2, 11, 15, 16, 17, 31, 32, 63, 72, 250])
def test_latents_are_those_that_torch_has(dim: int) -> None:
    for seed in (0, 1, 12345, 2**31 - 1):
        found = latents.standard_normal(4, dim, seed)
        expected = torch.stack([torch.randn(dim, generator=seeded(seed, k)) for k in range(4)])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=2e-6)


def test_the_model_generates_what_the_networks_generate(both: tuple[VoiceGenerator, VoiceGenerator]) -> None:
    quick, networks = both
    assert (quick.image_size_px, quick.voice_dim, quick.latent_dim) == (
        *(networks.image_size_px, networks.voice_dim, networks.latent_dim),
    )
    silence = np.zeros(30_000, np.int16)
    voices = [export.speechlike(samples, samples) for samples in (24_000, 48_000, 100_001)] + [silence]
    given = quick.latents(FACES_AT_ONCE + 1, 7)
    np.testing.assert_array_equal(given, networks.latents(FACES_AT_ONCE + 1, 7))
    found, expected = (one.run(voices, given) for one in both)
    assert found.faces.shape == expected.faces.shape == (4, FACES_AT_ONCE + 1, 32, 32, 3)
    assert found.faces.dtype == np.uint8
    difference = np.abs(found.faces - expected.faces.astype(int))
    assert difference.max() <= 1
    assert (difference != 0).mean() < 0.001
    np.testing.assert_allclose(found.embeddings, expected.embeddings, rtol=0, atol=1e-4)
    assert found.pitches_hz[-1] is expected.pitches_hz[-1] is None
    assert found.pitches_hz[:-1] == pytest.approx(expected.pitches_hz[:-1], rel=1e-5)


def test_a_voice_is_the_same_alone_and_among_others(both: tuple[VoiceGenerator, VoiceGenerator]) -> None:
    voices = [export.speechlike(24_000 + 1_000 * k, k) for k in range(6)]
    given = both[0].latents(2, 0)
    together = both[0].run(voices, given)
    for k, voice in enumerate(voices):
        alone = both[0].run([voice], given)
        np.testing.assert_array_equal(alone.faces[0], together.faces[k])
        np.testing.assert_array_equal(alone.embeddings[0], together.embeddings[k])
        assert alone.pitches_hz == together.pitches_hz[k : k + 1]


def test_the_device_decides(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = release / "voice_to_face.onnx"
    assert isinstance(loading.load(release, onnx, None), OnnxGenerator)
    assert isinstance(loading.load(release, onnx, "cpu:0"), Networks)
    with pytest.raises(RuntimeError, match="teapot"):
        loading.load(release, onnx, "teapot")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("DEEPFACEGEN_DEVICE", "cuda")
    with pytest.raises(UserError, match="DEEPFACEGEN_DEVICE=cuda, but this machine has no usable GPU"):
        loading.load(release, onnx, None)
    assert isinstance(loading.load(release, onnx, "cpu"), OnnxGenerator), "the argument comes first"
