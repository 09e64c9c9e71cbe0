"""Faces from voices and latents: their temperature and condition, and that neither batch nor order counts."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepfacegen.config.schema import TrainConfig, to_dict
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.errors import UserError
from deepfacegen.systems.cgan import build
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.condition import Condition
from deepfacegen.training.loop import Effort
from deepfacegen.training.statistics import Statistics
from tests.shared.priors import TINY

CPU = torch.device("cpu")
CONFIG = TrainConfig(temperature=0.7)
LARGE = replace(TINY, image_size_px=64)
DIM = 3


@pytest.fixture(scope="module")
def encoder() -> speaker.VoiceEncoder:
    torch.manual_seed(0)
    return speaker.VoiceEncoder(VoiceModel("ecapa", dim=64, channels=16).eval(), CPU)


def parts(config: TrainConfig) -> tuple[Condition, Any]:
    """Untrained networks; condition and code are not zero, as they would be without a fit."""
    rng = torch.Generator().manual_seed(1)
    whole = config.architecture == "paper" or config.condition_dim == 0
    condition = build.condition(to_dict(config), 65, 64 if whole else DIM)
    torch.manual_seed(2)
    generator: Any = build.generator(to_dict(config), condition.dim, LARGE if whole else TINY)
    for buffer in (*condition.buffers(), *generator.buffers()):
        if buffer.dtype == torch.float32:
            buffer.copy_(0.5 * torch.randn(buffer.shape, generator=rng))
    if config.architecture == "paper":
        torch.nn.init.normal_(generator.layers[-1].weight, std=0.3, generator=rng)
    return condition, generator.requires_grad_(False)


def system(encoder: speaker.VoiceEncoder, config: TrainConfig = CONFIG) -> cgan.Cgan:
    condition, generator = parts(config)
    size_px = 32 if config.condition_dim and config.architecture == "standard" else 64
    return cgan.Cgan(encoder, condition, generator, to_dict(config), size_px, CPU)


def embeddings(voices: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(voices, 65)).astype(np.float32)


def apart(a: np.ndarray, b: np.ndarray) -> int:
    """The largest difference of two pictures, of 255 levels."""
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def test_a_latent_is_the_noise_of_the_condition_and_the_rest_of_the_latent(encoder) -> None:
    made = system(encoder)
    condition, generator = parts(CONFIG)
    assert made.latent_dim == DIM + TINY.code_dim
    assert made.voice_dim == 65
    voices, latents = embeddings(2), made.latents(3, 0)
    assert latents.shape == (3, made.latent_dim)
    assert latents.dtype == np.float32
    scaled = 0.7 * torch.from_numpy(latents)
    predicted = (torch.from_numpy(voices) - condition.mean) @ condition.matrix
    for v in range(2):
        y = predicted[v] + scaled[:, :DIM] @ condition.spread.T
        latent = generator.latent.mean + y @ generator.latent.by_condition
        latent = latent + scaled[:, DIM:] @ generator.latent.by_z
        expected = (
            ((generator.synthesis(generator.flow(latent)).clamp(-1, 1) + 1) * 127.5)
            .permute(0, 2, 3, 1)
            .numpy()
        )
        assert np.abs(made.generate_from(voices, latents)[v] - expected).max() < 0.6


def test_at_temperature_0_a_voice_has_one_face(encoder) -> None:
    made = system(encoder)
    voices, latents = embeddings(4), made.latents(5, 3)
    typical = made.at_temperature(0.0).generate_from(voices, latents)
    assert (typical == typical[:, :1]).all()
    assert apart(typical[0], typical[1]) > 2
    zeros = made.generate_from(voices, np.zeros((1, made.latent_dim), dtype=np.float32))
    assert apart(typical[:, :1], zeros) <= 1


def test_a_place_on_the_directions_has_the_typical_face_of_a_voice_that_predicts_it(encoder) -> None:
    made = system(encoder)
    assert made.directions == DIM
    condition, voices = parts(CONFIG)[0], embeddings(4)
    places = ((torch.from_numpy(voices) - condition.mean) @ condition.matrix).numpy()
    typical = made.at_temperature(0.0).generate_from(voices, made.latents(1, 0))[:, 0]
    assert apart(made.generate_along(places), typical) <= 1


@pytest.mark.parametrize("change", [{"condition_dim": 0}, {"architecture": "paper"}], ids=str)
def test_a_system_that_takes_the_whole_embedding_has_no_directions(encoder, change: dict[str, Any]) -> None:
    assert system(encoder, replace(CONFIG, **change)).directions == 0


def test_faces_vary_more_at_a_higher_temperature_and_the_system_keeps_its_own(encoder) -> None:
    made = system(encoder)
    voices, latents = embeddings(2), made.latents(8, 0)
    before = made.generate_from(voices, latents)
    spread = [
        made.at_temperature(t).generate_from(voices, latents).astype(float).std(axis=1).mean()
        for t in (0.0, 0.35, 0.7, 1.4)
    ]
    assert spread[0] == 0
    assert all(a < b for a, b in itertools.pairwise(spread))
    assert made.temperature == 0.7
    assert np.array_equal(made.generate_from(voices, latents), before)
    assert np.array_equal(made.at_temperature(0.7).generate_from(voices, latents), before)
    twice = made.at_temperature(1.4).generate_from(voices, latents)
    assert apart(twice, made.generate_from(voices, 2 * latents)) <= 1


def test_latents_for_all_voices_and_each_its_own_agree(encoder) -> None:
    made = system(encoder)
    voices, latents = embeddings(3), made.latents(4, 0)
    shared = made.generate_from(voices, latents)
    assert shared.shape == (3, 4, 32, 32, 3)
    assert shared.dtype == np.uint8
    assert np.array_equal(made.generate_from(voices, np.stack([latents] * 3)), shared)
    own = np.stack([latents, latents[::-1], made.latents(4, 9)])
    found = made.generate_from(voices, own)
    assert apart(found[0], shared[0]) <= 1
    assert apart(found[1], shared[1, ::-1]) <= 1
    assert apart(found[2], shared[2]) > 2
    for v in range(3):
        assert apart(made.generate_from(voices[v : v + 1], own[v])[0], found[v]) <= 1


@pytest.mark.parametrize("change", [{}, {"condition_dim": 0}, {"architecture": "paper"}], ids=str)
def test_the_same_voice_number_and_seed_give_the_same_face_in_any_batch(
    encoder, change: dict[str, Any]
) -> None:
    made = system(encoder, replace(CONFIG, **change))
    voices = embeddings(130)  # more than one batch
    latents = made.latents(3, 4)
    faces = made.generate_from(voices, latents)
    for v in (0, 70, 129):
        assert apart(made.generate_from(voices[v : v + 1], made.latents(2, 4))[0], faces[v, :2]) <= 1
    assert np.array_equal(made.latents(1, 4), latents[:1])
    assert not np.array_equal(made.latents(1, 5), latents[:1])
    assert apart(faces[:, 0], faces[:, 1]) > 0


def test_the_papers_faces_vary_by_the_noise_of_their_condition_whatever_the_temperature(encoder) -> None:
    made = system(encoder, replace(CONFIG, architecture="paper", condition_noise=0.05, temperature=0.0))
    assert made.latent_dim == 64
    y, z = made.generator_inputs(torch.eye(64)[:2], torch.full((2, 64), 2.0))
    torch.testing.assert_close(y, torch.nn.functional.normalize(torch.eye(64)[:2] + 0.1, dim=1))
    assert z.shape == (2, 0)


def test_a_system_leaves_the_condition_of_a_training_where_it_is(encoder) -> None:
    """Sample grids make a system of networks that go on learning on their own device."""
    condition, generator = parts(CONFIG)
    made = cgan.Cgan(encoder, condition, generator, to_dict(CONFIG), 32, CPU)
    others = {tensor.data_ptr() for tensor in made.condition.state_dict().values()}
    assert not others & {tensor.data_ptr() for tensor in condition.state_dict().values()}


@pytest.fixture
def models(encoder, tmp_path: Path) -> Path:
    """Of the configuration, saved as a training leaves them."""
    condition, generator = parts(CONFIG)
    torch.manual_seed(3)
    discriminator = build.discriminator(to_dict(CONFIG), DIM, 2, TINY)
    nothing = (Statistics(every=1), Effort(0, 0.0, 0.0, 0), TINY, 0.1)
    trained = cgan.Trained(condition, generator, discriminator, *nothing)
    cgan.save(tmp_path / "cgan", CONFIG, trained, ["b", "a"])
    network = {"architecture": "ecapa", "normalisation": "level", "dim": 64, "channels": 16}
    speaker.store.save(tmp_path / "voice", {"network": network}, encoder=encoder.model.encoder)
    return tmp_path


def test_saved_and_loaded_it_generates_the_same(encoder, models: Path) -> None:
    loaded, made = cgan.load(models, CPU), system(encoder)
    voices, latents = embeddings(3), made.latents(2, 0)
    assert np.array_equal(loaded.generate_from(voices, latents), made.generate_from(voices, latents))
    assert (loaded.image_size_px, loaded.temperature, loaded.latent_dim) == (32, 0.7, made.latent_dim)
    assert loaded.face_features(np.zeros((2, 32, 32, 3), dtype=np.uint8)).shape == (2, 128)
    described = speaker.store.read_config(models / "cgan")
    assert described["trained_on"] == ["a", "b"]
    assert (described["condition_dim"], described["sizes"]) == (DIM, to_dict(TINY))


@pytest.mark.parametrize("part", ["condition", "generator", "discriminator"])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_missing_or_damaged_part_is_an_error_that_names_the_file(
    models: Path, part: str, damaged: bool
) -> None:
    path = models / f"cgan/{part}.safetensors"
    if damaged:
        path.write_bytes(path.read_bytes()[:100])
    else:
        path.unlink()
    with pytest.raises(UserError, match=rf"cgan/{part}\.safetensors: cannot be loaded") as caught:
        cgan.load(models, CPU)
    assert "\n" not in str(caught.value)
