"""The conditional GAN on the tiny corpus: it trains from a prior, resumes byte for byte, keeps to training
people, and generates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepfacegen.config.schema import TrainConfig, to_dict
from deepfacegen.data.batches import FaceBatches, IdentityOrder
from deepfacegen.encoders import speaker
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.errors import UserError
from deepfacegen.systems import registry
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.grids import SampleGrid, grid
from deepfacegen.systems.cgan.pairs import Pairs
from deepfacegen.training.pixels import from_pixels, to_pixels
from deepfacegen.training.resume import Resume
from tests.shared.priors import TINY, tiny_prior

CONFIG = TrainConfig(steps=10, adversary_from=4, batch=6, sample_every=8)
CPU = torch.device("cpu")
# The paper's faces have 64 px.
LARGE = replace(TINY, image_size_px=64)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return speaker.VoiceEncoder(VoiceModel("ecapa", dim=64, channels=16).eval(), torch.device("cpu"))


def train(corpus, encoder, root: Path, config: TrainConfig = CONFIG, after=None):
    prior = tiny_prior(LARGE if config.architecture == "paper" else TINY)
    sources = (corpus.manifest, corpus.audio, corpus.photos)
    return cgan.train(config, *sources, encoder, prior, Resume("t", {}, [], root), None, after)


def system_of(encoder, trained: cgan.Trained, config: TrainConfig = CONFIG, **more) -> cgan.Cgan:
    parts = (trained.condition, trained.generator, to_dict(config), trained.sizes.image_size_px, CPU)
    return cgan.Cgan(encoder, *parts, **more)


@pytest.fixture(scope="module")
def trained(corpus, encoder, tmp_path_factory: pytest.TempPathFactory) -> cgan.Trained:
    return train(corpus, encoder, tmp_path_factory.mktemp("resume"))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["standard", "paper"])
def test_a_killed_run_ends_with_the_same_bytes(corpus, encoder, tmp_path: Path, architecture: str) -> None:
    config = replace(
        CONFIG,
        architecture=architecture,
        steps=4,
        adversary_from=1,
        checkpoint_every=2,
        mismatch_weight=float(architecture == "standard"),
    )

    def kill(step: int, condition: torch.nn.Module, generator: torch.nn.Module) -> None:
        if step == 2:
            raise KeyboardInterrupt

    whole = train(corpus, encoder, tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train(corpus, encoder, tmp_path / "killed", config, kill)
    resumed = train(corpus, encoder, tmp_path / "killed", config)
    assert resumed.effort.resumed_at == 2
    for a, b in ((whole.generator, resumed.generator), (whole.discriminator, resumed.discriminator)):
        assert all(
            torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
        )
    assert whole.statistics.rows == resumed.statistics.rows


@pytest.mark.slow
def test_pixel_loss_falls(corpus, encoder, tmp_path: Path) -> None:
    config = replace(CONFIG, architecture="paper", steps=50, adversary_from=50, lr=1e-3)
    curve = train(corpus, encoder, tmp_path, config).statistics
    assert curve.rows[-1]["g/pixel"] < 0.7 * curve.rows[0]["g/pixel"]


def test_only_training_people_are_ever_in_a_batch(corpus) -> None:
    people = corpus.manifest.split("train")
    embedded = np.arange(len(people.clips), dtype=np.float32)[:, None, None].repeat(2, axis=1)
    pairs = Pairs(
        IdentityOrder(6, 6, seed=1),
        embedded,
        people.clips["label"].to_numpy(),
        FaceBatches(people.faces, corpus.photos),
    )
    for step in range(20):
        condition, faces, labels = pairs(step)
        assert sorted(labels) == [0, 1, 2, 3, 4, 5]
        rows = np.rint(condition[:, 0]).astype(int)  # a mixture of two equal windows is the window
        assert (people.clips["label"].to_numpy()[rows] == labels).all()
        assert (np.abs(faces[:, 0, 0, 0].astype(int) - 20 * labels) < 40).all()


def test_a_face_does_not_depend_on_the_rest_of_the_batch(encoder, trained, tmp_path: Path) -> None:
    cgan.save(tmp_path / "models" / "cgan", CONFIG, trained, [f"id{i}" for i in range(6)])
    with pytest.raises(UserError, match="no trained model"):
        registry.load("cgan", tmp_path / "models", "cpu")
    store_config = {"network": {"architecture": "ecapa", "normalisation": "level", "dim": 64, "channels": 16}}
    speaker.store.save(tmp_path / "models" / "voice", store_config, encoder=encoder.model.encoder)
    system = registry.load("cgan", tmp_path / "models", "cpu")
    rng = np.random.default_rng(0)
    voices = [rng.integers(-3000, 3000, n).astype(np.int16) for n in (9_000, 40_000, 70_000)]
    faces = system.generate(voices, n=3, seed=4)
    assert faces.shape == (3, 3, 32, 32, 3)
    assert faces.dtype == np.uint8
    alone = system.generate(voices[1:2], n=2, seed=4)
    assert np.abs(alone[0].astype(int) - faces[1, :2].astype(int)).max() <= 1
    assert (system.generate(voices, n=3, seed=5) != faces).any()
    assert (faces[:, 0] != faces[:, 1]).any()
    with pytest.raises(UserError, match="unknown system"):
        registry.load("cgna", tmp_path, "cpu")


def test_the_discriminator_tells_the_faces_it_was_trained_on_apart(corpus, encoder, trained) -> None:
    system = system_of(encoder, trained, discriminator=trained.discriminator)
    faces = corpus.manifest.split("train").faces
    pixels = corpus.photos.rows(faces)
    features = system.face_features(pixels)
    assert features.shape == (18, 128)
    assert features.dtype == np.float32
    np.testing.assert_allclose(system.face_features(pixels[3:5]), features[3:5], rtol=1e-4, atol=1e-5)
    distance = np.linalg.norm(features[:, None] - features[None, :], axis=2)
    nearest = (distance + 1e9 * np.eye(18)).argmin(axis=1)
    label = faces["label"].to_numpy()
    assert (label[nearest] == label).mean() > 0.8
    with pytest.raises(RuntimeError, match="without its discriminator"):
        system_of(encoder, trained).face_features(pixels)


def test_pixels_survive_the_way_to_the_network_and_back() -> None:
    faces = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    assert (to_pixels(from_pixels(faces, 64)) == faces.numpy()).all()
    flipped = to_pixels(from_pixels(faces, 64, torch.tensor([True, False])))
    assert (flipped[0] == faces[0].numpy()[:, ::-1]).all()
    assert (flipped[1] == faces[1].numpy()).all()
    shrunk = to_pixels(from_pixels(faces, 32)).astype(int)
    blocks = faces.numpy().reshape(2, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - blocks).max() <= 1


def test_sample_grids_show_the_same_held_out_people(corpus, encoder, tmp_path: Path) -> None:
    shown = SampleGrid(
        CONFIG, 32, encoder, corpus.manifest, corpus.audio, corpus.photos, tmp_path / "samples", samples=3
    )
    train(corpus, encoder, tmp_path, after=shown.after)
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == ["000008.png", "000010.png"]
    assert shown.real.shape == (2, 32, 32, 3)


def test_grid_puts_pictures_in_rows_and_columns() -> None:
    rows = np.zeros((2, 3, 4, 4, 3), dtype=np.uint8)
    rows[1, 2] = 9
    sheet = grid(rows, gap_px=1)
    assert sheet.shape == (9, 14, 3)
    assert (sheet[5:, 10:] == 9).all()
    assert (sheet[4] == 255).all()
