"""Training with each activation of the last layers on the tiny corpus."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from deepfacegen.config.schema import ConfigError, TrainConfig, from_dict, to_dict
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.cgan import build
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.adversary import Adversary, Weights
from deepfacegen.systems.prior.prior import Sizes
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume
from tests.shared.priors import TINY, tiny_prior

NAMES = ["identity", "tanh", "sigmoid"]
CONFIG = TrainConfig(steps=100, adversary_from=100, batch=6, checkpoint_every=500, sample_every=500)
PAPER = replace(CONFIG, architecture="paper", steps=4, lr=1e-3, ema_steps=0.0, mismatch_weight=0.0)
# The paper's faces have 64 px.
LARGE = replace(TINY, image_size_px=64)


@pytest.fixture(scope="module")
def encoder() -> speaker.VoiceEncoder:
    torch.manual_seed(0)
    return speaker.VoiceEncoder(VoiceModel("ecapa", dim=64, channels=16).eval(), torch.device("cpu"))


def train(corpus, encoder, folder: Path, config: TrainConfig, after=None) -> cgan.Trained:
    return cgan.train(
        config,
        corpus.manifest,
        corpus.audio,
        corpus.photos,
        encoder,
        tiny_prior(LARGE if config.architecture == "paper" else TINY),
        Resume("t", {}, [], folder),
        after=after,
    )


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_the_pixel_loss_of_the_papers_generator_falls(corpus, encoder, tmp_path: Path, name: str) -> None:
    people = corpus.manifest.split("train").faces
    true = from_pixels(torch.from_numpy(corpus.photos.rows(people)), 64)
    condition = torch.nn.functional.normalize(
        torch.randn(len(true), 64, generator=torch.Generator().manual_seed(0)), dim=1
    )
    loss = []

    @torch.no_grad()
    def after(step: int, _: torch.nn.Module, generator: torch.nn.Module) -> None:
        loss.append(float((generator(condition, condition) - true).abs().mean()))

    train(corpus, encoder, tmp_path, replace(PAPER, face_activation=name), after)
    assert loss[-1] < 0.8 * loss[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("config", [CONFIG, PAPER], ids=["standard", "paper"])
def test_training_with_any_logit_stays_finite_and_is_loaded_with_it(
    corpus, encoder, tmp_path: Path, name: str, config: TrainConfig
) -> None:
    config = replace(config, logit_activation=name, steps=6, adversary_from=2)
    trained = train(corpus, encoder, tmp_path, config)
    trained.statistics.add(24, {})  # completes the row of the curves
    (row,) = trained.statistics.rows
    assert {"g/pixel", "g/adversarial", "d/real", "d/generated", "d/accuracy"} < row.keys()
    assert all(math.isfinite(value) for value in row.values())
    again: Any = build.discriminator(to_dict(config), trained.condition.dim, 6, trained.sizes)
    again.load_state_dict(trained.discriminator.state_dict())
    network: Any = trained.discriminator
    size = trained.sizes.image_size_px
    condition, (embedding, _) = (
        torch.randn(9, trained.condition.dim),
        network.trunk(torch.randn(9, 3, size, size)),
    )
    assert torch.equal(again.logits(embedding, condition), network.logits(embedding, condition))


@pytest.mark.parametrize(("name", "low", "high"), [("tanh", -1, 1), ("sigmoid", 0, 1)])
@pytest.mark.parametrize(("config", "steps"), [(CONFIG, 20), (PAPER, 6)], ids=["standard", "paper"])
def test_a_bounded_logit_bounds_the_losses_and_still_learns(
    name: str, low: float, high: float, config: TrainConfig, steps: int
) -> None:
    torch.manual_seed(0)
    sizes: Sizes = LARGE if config.architecture == "paper" else TINY
    network: Any = build.discriminator({**to_dict(config), "logit_activation": name}, 8, 6, sizes)
    adversary = Adversary(
        network,
        torch.optim.Adam(network.parameters(), 1e-3),
        Weights(mismatch=0, identity=0, feature=0, r1=0, r1_every=1),
    )
    size, labels, condition = sizes.image_size_px, torch.arange(6), torch.randn(6, 8)
    real, generated = (level + 0.1 * torch.randn(6, 3, size, size) for level in (0.5, -0.5))
    for step in range(steps):
        losses = adversary.discriminator_step(step, real, generated, condition, condition, labels)
        losses |= adversary.generator_loss(generated, condition, labels, labels >= 3)[1]
        for key, (least, most) in {
            "d/real": (-high, -low),
            "d/generated": (low, high),
            "g/adversarial": (-high, -low),
        }.items():
            assert (
                math.log1p(math.exp(least)) - 1e-6
                <= float(losses[key].detach())
                <= math.log1p(math.exp(most)) + 1e-6
            )
    assert float(losses["d/accuracy"]) == 1.0


def test_the_activations_are_those_of_the_parameters() -> None:
    x = torch.randn(4)
    chosen = {**to_dict(PAPER), "face_activation": "tanh", "logit_activation": "sigmoid"}
    generator: Any = build.generator(chosen, 8, LARGE)
    torch.testing.assert_close(generator.activation.forward(x), x.tanh())
    for architecture in ("standard", "paper"):
        discriminator: Any = build.discriminator({**chosen, "architecture": architecture}, 8, 3, LARGE)
        torch.testing.assert_close(discriminator.activation(x), x.sigmoid())


def test_the_standard_generator_has_no_face_activation(corpus, encoder, tmp_path: Path) -> None:
    config = replace(CONFIG, steps=2)
    plain, bounded = (
        train(corpus, encoder, tmp_path / name, replace(config, face_activation=name)).generator.state_dict()
        for name in ("identity", "tanh")
    )
    assert all(torch.equal(plain[key], bounded[key]) for key in plain)


@pytest.mark.parametrize("key", ["face_activation", "logit_activation"])
def test_an_unknown_activation_is_refused_in_one_line(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict({"train": {key: "relu"}})
    assert str(caught.value) == f"train.{key} must be one of identity, tanh, sigmoid, not 'relu'"
