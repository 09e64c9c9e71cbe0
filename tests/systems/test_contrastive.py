"""The contrastive matcher: never below its linear start, fair to those left out, resumed byte for byte, and
the same from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

from deepfacegen.config.baselines import ContrastiveConfig
from deepfacegen.config.systems import FaceConfig
from deepfacegen.data.batches import IdentityOrder, Manifest
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.face_networks import FaceNet
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.errors import UserError
from deepfacegen.systems.contrastive import train as contrastive
from deepfacegen.systems.contrastive.fits import Views
from deepfacegen.systems.protocol import FaceGenerator, VoiceFaceMatcher
from deepfacegen.training import store
from deepfacegen.training.loop import Effort
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Statistics

CONFIG = ContrastiveConfig(members=3, hidden=8, steps=40, components=4, batch=6, checkpoint_every=20)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder() -> speaker.VoiceEncoder:
    torch.manual_seed(0)
    return speaker.VoiceEncoder(VoiceModel("ecapa", dim=16, channels=16).eval(), CPU)


@pytest.fixture(scope="module")
def faces() -> face.FaceEncoder:
    torch.manual_seed(1)
    return face.FaceEncoder(FaceNet(dim=16, channels=4), CPU)


def train(corpus, encoder, faces, root: Path, config: ContrastiveConfig = CONFIG) -> contrastive.Trained:
    return contrastive.train(
        config, corpus.manifest, corpus.audio, corpus.photos, encoder, faces, Resume("c", {}, [], root)
    )


class World:
    """Stands in for a voice encoder: people whose voices and faces are noisy functions of a few common
    numbers, 30 heard in four windows."""

    def __init__(self, crossed: bool, noise: float = 0.3, people: int = 60) -> None:
        rng = np.random.default_rng(0)
        latent = rng.normal(size=(people, 4))
        told = (
            np.column_stack([latent, latent[:, 0] * latent[:, 1], latent[:, 2] * latent[:, 3]])
            if crossed
            else latent
        )
        views = (rng.normal(size=(told.shape[1], 9)), rng.normal(size=(4, 12)))
        self.voices, self.seen = (x.repeat(2, axis=0) for x in (told @ views[0], latent @ views[1]))
        self.windows = torch.from_numpy(
            self.voices[:, None] + noise * rng.normal(size=(2 * people, 4, 9))
        ).float()
        self.faces = torch.from_numpy(self.seen + noise * rng.normal(size=(2 * people, 12))).float()
        label = np.arange(people)
        identities = pd.DataFrame(
            {
                "identity_id": label.astype(str),
                "split": "train",
                "label": label,
                "gender": None,
                "nationality": None,
            }
        )
        identities.loc[:20, "gender"] = ["f", "m", "f"] * 7
        rows = pd.DataFrame({"label": label.repeat(2), "split": "train"})
        self.manifest = Manifest(identities, rows, rows)

    def embed_windows(self, clips: pd.DataFrame, audio: object) -> torch.Tensor:
        return self.windows

    def train(self, root: Path, config: ContrastiveConfig) -> contrastive.Trained:
        with mock.patch.multiple(
            contrastive.FaceEmbeddings,
            rows=mock.Mock(return_value=self.faces),
            blocks=mock.Mock(return_value=[12]),
        ):
            return contrastive.train(config, self.manifest, None, None, self, None, Resume("w", {}, [], root))


LEARNING = ContrastiveConfig(
    faces="gradients", members=4, hidden=64, steps=60, lr=3e-3, dropout=0.1, components=12
)


def test_it_learns_on_top_of_a_linear_start_that_already_knows_much(tmp_path: Path) -> None:
    trained = World(crossed=True).train(tmp_path, LEARNING)
    assert trained.linear_accuracy > 0.8
    assert trained.accuracy > trained.linear_accuracy
    assert trained.step_kept > 0
    assert trained.step_kept % contrastive.EVALUATE_EVERY == 0
    assert trained.accuracy == pytest.approx(max(row["left_out"] for row in trained.statistics.rows))
    assert trained.statistics.rows[-1]["loss"] < trained.statistics.rows[0]["loss"]


def test_it_never_ends_below_its_linear_start(tmp_path: Path) -> None:
    """A rate that ruins everything at once: what was there before is kept."""
    trained = World(crossed=False).train(tmp_path, replace(LEARNING, lr=30.0, steps=20))
    assert trained.statistics.rows[-1]["left_out"] < trained.linear_accuracy == trained.accuracy
    assert trained.step_kept == 0
    assert not trained.matcher.voice.down.any()
    assert (trained.matcher.voice.start == trained.matcher.voice.start[0]).all(), (
        "all heads are the start of all people"
    )


def test_without_steps_it_is_the_linear_start(tmp_path: Path) -> None:
    world = World(crossed=False)
    trained = world.train(tmp_path, replace(LEARNING, steps=0))
    assert trained.step_kept == trained.effort.steps == 0
    assert not trained.statistics.rows
    assert trained.accuracy == trained.linear_accuracy > 0.8
    with torch.no_grad():
        scores = trained.matcher(speaker.pool(world.windows), world.faces)
    assert (scores.diagonal()[:, None] > scores).float().mean() > 0.9


def test_voices_that_tell_nothing_are_at_chance(tmp_path: Path) -> None:
    world = World(crossed=False)
    world.windows = world.windows[
        torch.from_numpy(np.random.default_rng(5).permutation(60)).repeat_interleave(2) * 2
    ]
    assert 0.35 < world.train(tmp_path, replace(LEARNING, steps=0)).linear_accuracy < 0.65


def test_covariates_are_learned_where_they_are_listed(tmp_path: Path) -> None:
    rows = World(crossed=False).train(tmp_path, replace(LEARNING, covariate_weight=1.0)).statistics.rows
    assert rows[-1]["covariates"] < 0.8 * rows[0]["covariates"]
    assert (
        "covariates"
        not in World(crossed=False)
        .train(tmp_path / "without", replace(LEARNING, steps=10))
        .statistics.rows[0]
    )


@pytest.mark.parametrize("covariate_weight", [0.0, 0.5])
def test_a_killed_run_ends_with_the_same_bytes(
    corpus, encoder, faces, tmp_path: Path, covariate_weight: float
) -> None:
    config = replace(CONFIG, covariate_weight=covariate_weight, steps=12, checkpoint_every=4)
    draw = Views.__call__

    def dying(self: Views, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if step == 8:
            raise KeyboardInterrupt
        return draw(self, step)

    whole = train(corpus, encoder, faces, tmp_path / "whole", config)
    with mock.patch.object(Views, "__call__", dying), pytest.raises(KeyboardInterrupt):
        train(corpus, encoder, faces, tmp_path / "killed", config)
    resumed = train(corpus, encoder, faces, tmp_path / "killed", config)
    assert resumed.effort.resumed_at == 8
    a, b = whole.matcher.state_dict(), resumed.matcher.state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert (whole.statistics.rows, whole.step_kept, whole.accuracy) == (
        resumed.statistics.rows,
        resumed.step_kept,
        resumed.accuracy,
    )


@pytest.mark.parametrize("kind", ["both", "gradients", "embedding"])
def test_saved_and_loaded_it_scores_alike(corpus, encoder, faces, tmp_path: Path, kind: str) -> None:
    config = replace(CONFIG, faces=kind, steps=10)
    trained = train(corpus, encoder, faces, tmp_path / "resume", config)
    ids = corpus.manifest.split("train").identities["identity_id"].tolist()
    contrastive.save(tmp_path / "contrastive", config, trained, ids)
    told = store.read_config(tmp_path / "contrastive")
    assert (told["trained_on"], told["chosen_on"], told["trained_with"]) == (ids, [], [])
    described = {"network": {"architecture": "ecapa", "normalisation": "level", "dim": 16, "channels": 16}}
    store.save(tmp_path / "voice", described, encoder=encoder.model.encoder)
    if kind != "gradients":
        with pytest.raises(UserError, match="face: no trained model"):
            contrastive.load(tmp_path, CPU)
        told_of_face = FaceConfig(channels=4, embedding_dim=16)
        face.save(
            tmp_path / "face",
            told_of_face,
            face.Trained(faces.network, Statistics(1), Effort(0, 0.0, 0.0, 0)),
            ids,
        )
    system = contrastive.load(tmp_path, CPU)
    assert isinstance(system, VoiceFaceMatcher)
    assert not isinstance(system, FaceGenerator)
    rows = corpus.manifest.faces
    pixels = corpus.photos.rows(rows)
    places = corpus.manifest.clips[["shard", "offset_samples", "length_samples"]].to_numpy()
    voices = [corpus.audio.read(*map(int, place)) for place in places]
    found = system.score(voices, pixels)
    assert found.shape == (30, 30)
    assert found.dtype == np.float32
    assert np.abs(found).max() <= 1 + 1e-5
    direct = contrastive.Contrastive(
        encoder, contrastive.FaceEmbeddings(kind, faces), trained.matcher, CPU
    ).score(voices[4:6], pixels[7:9])
    np.testing.assert_allclose(direct, found[4:6, 7:9], atol=1e-4)


def test_a_face_network_that_is_a_judge_is_handed_on(corpus, encoder, faces, tmp_path: Path) -> None:
    judge = face.FaceEncoder(faces.network, CPU)
    judge.trained_with = ["dlib"]
    for kind, expected in (("both", ["dlib"]), ("gradients", [])):
        config = replace(CONFIG, faces=kind, steps=0)
        contrastive.save(
            tmp_path / kind, config, train(corpus, encoder, judge, tmp_path / "resume", config), []
        )
        assert store.read_config(tmp_path / kind)["trained_with"] == expected


def test_a_step_has_clips_and_photos_of_the_same_people_and_unit_embeddings() -> None:
    clip_of, photo_of = np.array([0, 0, 1, 2, 2, 2]), np.array([2, 1, 0, 0])
    windows = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
    windows[:, :, 2] = clip_of[:, None]  # the pitch tells who it is
    views = Views(IdentityOrder(3, 3, seed=1), windows, clip_of, photo_of, views=2)
    for step in range(10):
        heard, seen, labels = views(step)
        assert sorted(labels) == [0, 0, 1, 1, 2, 2]
        np.testing.assert_allclose(heard[:, 2], labels, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(heard[:, :2], axis=1), 1.0, rtol=1e-5)
        np.testing.assert_array_equal(photo_of[seen], labels)


def test_too_few_people_or_a_missing_face_network_are_told(corpus, encoder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"contrastive\.faces: both needs the face network"):
        train(corpus, encoder, None, tmp_path)
    people = corpus.manifest.identities
    few = Manifest(people[people["label"] < 3], corpus.manifest.clips, corpus.manifest.faces)
    with pytest.raises(UserError, match="3 training people are too few"):
        contrastive.train(
            CONFIG, few, corpus.audio, corpus.photos, encoder, None, Resume("f", {}, [], tmp_path)
        )
