"""What the conditional GAN begins with, fitted in closed form, and what a step does with both halves of
a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen.config.schema import TrainConfig
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.cgan import closed_form
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.linear_latent import Generator, LinearLatent
from deepfacegen.systems.cgan.step import Step
from deepfacegen.systems.condition import PredictedCondition, WholeCondition
from deepfacegen.training.losses import landmark_weights, pyramid_loss
from deepfacegen.training.resume import Resume
from tests.shared.priors import TINY, tiny_prior

CONFIG = TrainConfig(steps=2, adversary_from=1, batch=8, augment=False)


@pytest.fixture(scope="module")
def encoder() -> speaker.VoiceEncoder:
    torch.manual_seed(0)
    return speaker.VoiceEncoder(VoiceModel("ecapa", dim=64, channels=16).eval(), torch.device("cpu"))


@pytest.fixture(scope="module")
def people(corpus):
    return corpus.manifest.split("train")


@pytest.fixture(scope="module")
def windows(corpus, encoder, people) -> Tensor:
    return encoder.embed_windows(people.clips, corpus.audio)


def condition_of(corpus, windows: Tensor, people, config: TrainConfig = CONFIG) -> PredictedCondition:
    condition, _ = closed_form.fit_condition(config, windows, people, corpus.photos)
    assert isinstance(condition, PredictedCondition)
    return condition


def test_the_condition_of_a_face_has_unit_deviation_and_its_voice_predicts_it(
    corpus, windows, people
) -> None:
    condition, r2 = closed_form.fit_condition(CONFIG, windows, people, corpus.photos)
    assert isinstance(condition, PredictedCondition)
    assert isinstance(r2, float)
    measured = condition.measure(torch.from_numpy(closed_form.shapes_of(people.faces, corpus.photos)))
    assert measured.shape == (18, condition.dim)
    torch.testing.assert_close(
        measured.std(dim=0, correction=0), torch.ones(condition.dim), rtol=1e-4, atol=0
    )
    assert 1 <= condition.dim <= CONFIG.condition_dim
    predicted = condition(speaker.pool(windows))
    assert predicted.shape == (18, condition.dim)
    assert torch.isfinite(predicted).all()
    # Voices with the noise of training spread by the covariance.
    noise = torch.randn(20_000, condition.dim, generator=torch.Generator().manual_seed(0))
    around = condition.perturb(torch.zeros_like(noise), noise)
    expected = condition.spread @ condition.spread.T
    torch.testing.assert_close(around.T @ around / len(noise), expected, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("change", [{"condition_dim": 0}, {"architecture": "paper"}], ids=str)
def test_without_directions_the_condition_is_the_whole_embedding(
    corpus, windows, people, change: dict[str, Any]
) -> None:
    condition, r2 = closed_form.fit_condition(replace(CONFIG, **change), windows, people, corpus.photos)
    assert isinstance(condition, WholeCondition)
    assert (condition.dim, r2) == (64, None)


def test_no_more_faces_are_read_than_the_most_but_one_of_each_person(
    corpus, windows, people, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed_form, "MOST_FACES", 4)
    some = closed_form._some(people.faces)
    assert set(some["label"]) == set(range(6))
    assert 6 <= len(some) <= 4 + 6
    condition_of(corpus, windows, people)


def test_the_latent_is_fitted_to_the_condition_of_each_face(corpus, windows, people) -> None:
    condition, prior = condition_of(corpus, windows, people), tiny_prior()
    linear = LinearLatent(condition.dim, TINY.code_dim)
    conditions = condition(windows.flatten(0, 1)).view(*windows.shape[:2], -1).mean(dim=1)
    closed_form.fit_latent(linear, prior, condition, conditions, people, corpus.photos)
    own = condition.measure(torch.from_numpy(closed_form.shapes_of(people.faces, corpus.photos)))
    latents = prior.latents(people.faces, corpus.photos)
    z = linear.infer(latents, own)
    torch.testing.assert_close(linear(own, z), latents, atol=1e-3, rtol=1e-3)
    assert float((z * (own - own.mean(dim=0))).mean(dim=0).abs().max()) < 1e-3
    assert linear.by_condition.abs().max() > 1e-3


def test_without_directions_the_latent_is_fitted_to_the_mean_voice_of_each_person(
    corpus, windows, people
) -> None:
    condition, prior = WholeCondition(windows.shape[2] - 1), tiny_prior()
    linear = LinearLatent(condition.dim, TINY.code_dim)
    voices = windows[..., :-1].mean(dim=1)
    closed_form.fit_latent(linear, prior, condition, voices, people, corpus.photos)
    label = torch.tensor(people.faces["label"].tolist())
    of_clip = torch.tensor(people.clips["label"].tolist())
    own = torch.stack([voices[of_clip == k].mean(dim=0) for k in range(6)])
    latents = prior.latents(people.faces, corpus.photos)
    means = torch.stack([latents[label == k].mean(dim=0) for k in range(6)])
    # Six voices, of which each has a weight of its own: the typical face of each is the mean of its faces.
    torch.testing.assert_close(linear(own, torch.zeros(6, TINY.code_dim)), means, atol=1e-3, rtol=1e-3)


class Seen(Step):
    """Keeps what every step gives to the generator."""

    kept: list[dict[str, Tensor]]

    def _inputs(
        self, voices: Tensor, noise: Tensor, z: Tensor, real: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        y, found, own = super()._inputs(voices, noise, z, real)
        parts = {"voices": voices, "noise": noise, "random": z, "real": real, "y": y, "z": found, "own": own}
        Seen.kept.append(
            {**parts, "latent": self.generator.flow.inverse(self.encoder(real)[0]), "known": self.known}
        )
        return y, found, own


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor]]:
    Seen.kept = []
    monkeypatch.setattr(cgan, "Step", Seen)
    return Seen.kept


def train(corpus, encoder, root: Path, config: TrainConfig = CONFIG) -> cgan.Trained:
    sources = (corpus.manifest, corpus.audio, corpus.photos)
    return cgan.train(config, *sources, encoder, tiny_prior(), Resume("t", {}, [], root))


def test_the_half_of_known_faces_gets_their_latents_and_the_other_half_voices_and_chance(
    corpus, encoder, tmp_path: Path, steps: list[dict[str, Tensor]]
) -> None:
    trained = train(corpus, encoder, tmp_path)
    generator: Any = trained.generator
    condition: Any = trained.condition
    for one in steps:
        known = one["known"]
        assert known.tolist() == [False] * 4 + [True] * 4
        latent = generator.latent(one["y"], one["z"])  # fitted before the first step, and not trained
        torch.testing.assert_close(latent[known], one["latent"][known], atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(one["y"][known], one["own"][known])
        assert torch.equal(one["z"][~known], one["random"][~known])
        expected = one["voices"] + one["noise"] @ condition.spread.T
        torch.testing.assert_close(one["y"][~known], expected[~known])
    assert not torch.equal(steps[0]["random"], steps[1]["random"])


def test_before_a_step_the_known_half_has_the_priors_reconstructions(corpus, encoder, tmp_path: Path) -> None:
    """So the first pixel loss is that of the prior itself, on the same faces."""
    losses: list[float] = []
    call = Step.__call__

    def measured(self: Step, i: int, batch: tuple[np.ndarray, ...]) -> Mapping[str, Tensor]:
        seen = Seen.kept
        found = call(self, i, batch)  # type: ignore[arg-type]
        if i == 0:
            real = seen[0]["real"][4:]
            prior = tiny_prior()
            again = prior.synthesis(prior.encoder(real)[0])
            expected = pyramid_loss(again, real, weights=landmark_weights(32)).item()
            losses.extend([found["g/pixel"].item(), expected])
        return found

    Seen.kept = []
    with mock.patch.object(cgan, "Step", Seen), mock.patch.object(Step, "__call__", measured):
        train(corpus, encoder, tmp_path)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_networks_begin_as_the_priors(corpus, encoder, tmp_path: Path) -> None:
    """With a learning rate of next to nothing they end so, too."""
    trained = train(corpus, encoder, tmp_path, replace(CONFIG, lr=1e-7, ema_steps=0.0))
    prior, generator, discriminator = tiny_prior(), trained.generator, trained.discriminator
    assert isinstance(generator, Generator)
    own, theirs = generator.synthesis.state_dict(), prior.synthesis.state_dict()
    for name in theirs:
        torch.testing.assert_close(own[name], theirs[name], atol=1e-6, rtol=0)
    for name, value in prior.flow.state_dict().items():
        assert torch.equal(generator.flow.state_dict()[name], value)
    faces = torch.rand(4, 3, 32, 32)
    network: Any = discriminator
    logits = network.logits(network.trunk(faces)[0], torch.randn(4, trained.condition.dim))
    torch.testing.assert_close(logits, prior.discriminator(faces)[0], atol=1e-3, rtol=0)


def test_the_prior_is_left_as_it_was(corpus, encoder, tmp_path: Path) -> None:
    """Its encoder takes part in training, and does not learn."""
    prior = tiny_prior()
    before = {k: v.clone() for part in prior.parts.values() for k, v in part.state_dict().items()}
    sources = (corpus.manifest, corpus.audio, corpus.photos)
    cgan.train(replace(CONFIG, lr=1e-2), *sources, encoder, prior, Resume("t", {}, [], tmp_path))
    after = {k: v for part in prior.parts.values() for k, v in part.state_dict().items()}
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_with_the_whole_embedding_noise_moves_the_voice_over_the_sphere(
    corpus, encoder, tmp_path: Path, steps: list[dict[str, Tensor]]
) -> None:
    config = replace(CONFIG, condition_dim=0, condition_noise=0.1)
    trained = train(corpus, encoder, tmp_path, config)
    assert isinstance(trained.condition, WholeCondition)
    assert trained.explained is None
    for one in steps:
        torch.testing.assert_close(one["y"], F.normalize(one["voices"] + 0.1 * one["noise"], dim=1))
        assert torch.equal(one["y"], one["own"])
