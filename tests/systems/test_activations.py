"""Training with each activation of the last layers on the tiny corpus, and models saved before there was a
choice."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepfacegen.config.schema import ConfigError, TrainConfig, from_dict, to_dict
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.adversary import Adversary, Weights
from deepfacegen.training.pixels import from_pixels
from deepfacegen.training.resume import Resume

NAMES = ["identity", "tanh", "sigmoid"]
CONFIG = TrainConfig(
    image_size_px=32,
    steps=100,
    adversary_from=100,
    batch=6,
    channels=8,
    max_channels=8,
    z_dim=4,
    checkpoint_every=500,
    sample_every=500,
)
PAPER = replace(CONFIG, architecture="paper", image_size_px=64, steps=4, ema_steps=0.0, mismatch_weight=0.0)
# One direction of the voice and nothing else, so that the linear start leaves something to learn.
NARROW = replace(CONFIG, condition_dim=1, z_dim=0, condition_noise=0.0, lr=2e-3)


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
        Resume("t", {}, [], folder),
        after=after,
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_standard_generator_starts_near_true_faces_and_its_pixel_loss_falls(
    corpus, encoder, tmp_path: Path, name: str
) -> None:
    rows = train(corpus, encoder, tmp_path, replace(NARROW, face_activation=name)).statistics.rows
    assert rows[0]["g/pixel"] < 0.06
    assert rows[-1]["g/pixel"] < 0.9 * rows[0]["g/pixel"]


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
def test_drawn_faces_have_the_mean_colour_of_true_ones(corpus, encoder, tmp_path: Path, name: str) -> None:
    config = replace(
        CONFIG, face_activation=name, logit_activation=name, steps=40, adversary_from=10, exaggeration=1.0
    )
    trained = train(corpus, encoder, tmp_path, config)
    assert all(math.isfinite(value) for row in trained.statistics.rows for value in row.values())
    system = cgan.Cgan(encoder, trained.condition, trained.generator, to_dict(config), torch.device("cpu"))
    people = corpus.manifest.split("train")
    drawn = system.generate_from(
        speaker.pool(encoder.embed_windows(people.clips, corpus.audio)).numpy(), system.latents(1, 0)
    )
    true = corpus.photos.rows(people.faces)
    assert np.abs(drawn.mean(axis=(0, 1, 2, 3)) - true.mean(axis=(0, 1, 2))).max() < 12  # of 255 levels


@pytest.mark.parametrize(("name", "low", "high"), [("tanh", -1, 1), ("sigmoid", 0, 1)])
@pytest.mark.parametrize(("config", "steps"), [(CONFIG, 20), (PAPER, 6)], ids=["standard", "paper"])
def test_a_bounded_logit_bounds_the_losses_and_still_learns(
    name: str, low: float, high: float, config: TrainConfig, steps: int
) -> None:
    torch.manual_seed(0)
    network = cgan._discriminator({**to_dict(config), "logit_activation": name}, 8, 6)
    adversary = Adversary(
        network,
        torch.optim.Adam(network.parameters(), 1e-3),
        Weights(mismatch=0, identity=0, feature=0, r1=0, r1_every=1),
    )
    size, labels, condition = config.image_size_px, torch.arange(6), torch.randn(6, 8)
    real, drawn = (level + 0.1 * torch.randn(6, 3, size, size) for level in (0.5, -0.5))
    for step in range(steps):
        told = adversary.discriminator_step(step, real, drawn, condition, labels)
        told |= adversary.generator_loss(drawn, condition, labels, labels >= 3)[1]
        for key, (least, most) in {
            "d/real": (-high, -low),
            "d/drawn": (low, high),
            "g/adversarial": (-high, -low),
        }.items():
            assert (
                math.log1p(math.exp(least)) - 1e-6
                <= float(told[key].detach())
                <= math.log1p(math.exp(most)) + 1e-6
            )
    assert float(told["d/accuracy"]) == 1.0


@pytest.mark.parametrize("architecture", ["standard", "paper"])
def test_a_model_saved_before_there_was_a_choice_has_none(architecture: str) -> None:
    before = {k: v for k, v in to_dict(CONFIG).items() if k not in {"face_activation", "logit_activation"}}
    before["architecture"] = architecture
    x = torch.randn(4)
    assert cgan._generator(before, 8).activation.forward(x) is x
    assert cgan._discriminator(before, 8, 3).activation(x) is x
    chosen = {**before, "face_activation": "tanh", "logit_activation": "sigmoid"}
    torch.testing.assert_close(cgan._generator(chosen, 8).activation.forward(x), x.tanh())
    torch.testing.assert_close(cgan._discriminator(chosen, 8, 3).activation(x), x.sigmoid())


@pytest.mark.parametrize("key", ["face_activation", "logit_activation"])
def test_an_unknown_activation_is_refused_in_one_line(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict({"train": {key: "relu"}})
    assert str(caught.value) == f"train.{key} must be one of identity, tanh, sigmoid, not 'relu'"
