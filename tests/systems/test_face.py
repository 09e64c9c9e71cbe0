"""The face network on the tiny corpus: it learns its people, resumes byte for byte, survives disk, and says
who took part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from deepfacegen import weights
from deepfacegen.config.systems import FaceConfig
from deepfacegen.data.batches import FaceBatches, IdentityOrder
from deepfacegen.data.shards import batched
from deepfacegen.encoders import face
from deepfacegen.errors import UserError
from deepfacegen.evaluation.embedders.judge import Judge
from deepfacegen.training import store
from deepfacegen.training.augment import DRAWS, Strength
from deepfacegen.training.resume import Resume

# The tiny corpus's people differ in colour and brightness alone, which augmentation takes away.
CONFIG = FaceConfig(
    channels=8, embedding_dim=16, steps=50, batch=12, lr=5e-3, augment=False, checkpoint_every=20
)
CPU = torch.device("cpu")


def train(corpus, root: Path, config: FaceConfig = CONFIG) -> face.Trained:
    return face.train(config, corpus.manifest, corpus.photos, Resume("face", {}, [], root))


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory) -> face.Trained:
    return train(corpus, tmp_path_factory.mktemp("face"))


def test_it_learns_its_people_and_tells_others_apart_too(corpus, trained) -> None:
    assert trained.statistics.rows[-1]["accuracy"] > 0.95 > trained.statistics.rows[0]["accuracy"]
    encoder, faces = face.FaceEncoder(trained.network, CPU), corpus.manifest.faces
    for known, least in ((True, 0.95), (False, 0.7)):
        part = faces[(faces["split"] == "train") == known]
        embedded, owner = encoder.embed_rows(part, corpus.photos).numpy(), part["identity_id"].to_numpy()
        upper = np.triu_indices(len(owner), 1)
        assert roc_auc_score((owner[:, None] == owner[None])[upper], (embedded @ embedded.T)[upper]) > least


def test_a_killed_run_ends_with_the_same_bytes(corpus, trained, tmp_path: Path) -> None:
    photos, calls = face.Photos.__call__, []

    def dying(self: face.Photos, step: int) -> tuple[np.ndarray, np.ndarray]:
        calls.append(step)
        if step == 30:
            raise KeyboardInterrupt
        return photos(self, step)

    with mock.patch.object(face.Photos, "__call__", dying), pytest.raises(KeyboardInterrupt):
        train(corpus, tmp_path)
    resumed = train(corpus, tmp_path)
    assert resumed.effort.resumed_at == 20
    whole, again = trained.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert trained.statistics.rows == resumed.statistics.rows


def test_saved_and_loaded_it_embeds_alike_in_any_batch(corpus, trained, tmp_path: Path) -> None:
    face.save(tmp_path / "face", CONFIG, trained, ["id1", "id0"])
    told = store.read_config(tmp_path / "face")
    assert told["trained_on"] == ["id0", "id1"]
    assert told["trained_with"] == told["chosen_on"] == told["trained_on_corpora"] == []
    encoder = face.load(tmp_path / "face", CPU)
    rows = corpus.manifest.faces
    table = encoder.embed_rows(rows, corpus.photos)
    assert table.shape == (len(rows), encoder.dim) == (30, 16)
    torch.testing.assert_close(table.norm(dim=1), torch.ones(30))
    pixels = corpus.photos.rows(rows)
    torch.testing.assert_close(
        torch.cat([encoder.embed(part) for part in batched(pixels, 4)]), table, atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(
        encoder.embed(pixels[:, :, ::-1].copy()), table, atol=1e-5, rtol=1e-4
    )  # mirrored
    assert encoder.embed(pixels[:0]).shape == (0, 16)
    larger = pixels.repeat(2, axis=1).repeat(2, axis=2)
    torch.testing.assert_close(encoder.embed(larger), table, atol=1e-5, rtol=1e-4)
    embedding, feature = encoder.network(torch.zeros(2, 3, 64, 64))
    assert (embedding.shape[1], feature.shape[1]) == (encoder.dim, encoder.width)


@pytest.mark.parametrize("augment", [False, True])
def test_faces_are_augmented_if_asked_each_by_numbers_of_its_own(
    corpus, tmp_path: Path, augment: bool
) -> None:
    seen = []

    def look(faces: torch.Tensor, chance: torch.Tensor, strength: Strength) -> torch.Tensor:
        seen.append((chance, strength))
        return faces

    with mock.patch.object(face, "augment", look):
        train(corpus, tmp_path, replace(CONFIG, steps=2, augment=augment))
    (first, strength), (second, _) = seen
    assert first.shape == (12, DRAWS)
    assert len(torch.cat([first, second]).unique()) == 2 * 12 * DRAWS
    assert any(vars(strength).values()) == augment


def test_a_missing_or_damaged_network_is_told_by_name(trained, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained model"):
        face.load(tmp_path / "none", CPU)
    face.save(tmp_path, CONFIG, trained, [])
    (tmp_path / "network.safetensors").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"network\.safetensors"):
        face.load(tmp_path, CPU)


def test_dlibs_network_is_the_judge_and_says_so(corpus, tmp_path: Path) -> None:
    config = FaceConfig(architecture="dlib")
    ready = train(corpus, tmp_path / "resume", config)
    assert ready.effort.steps == 0
    face.save(tmp_path / "face", config, ready, ["id0"])
    told = store.read_config(tmp_path / "face")
    assert (told["trained_with"], told["trained_on"]) == (["dlib"], [])
    assert told["trained_on_corpora"] == list(weights.REGISTRY["dlib"].corpora) == ["voxceleb1"]
    encoder = face.load(tmp_path / "face", CPU)
    assert encoder.trained_with == ["dlib"]
    pixels = (
        np.random.default_rng(0)
        .integers(0, 256, size=(3, 8, 8, 3), dtype=np.uint8)
        .repeat(16, axis=1)
        .repeat(16, axis=2)
    )
    theirs = sum(Judge.load("dlib").embed(p) for p in (pixels, pixels[:, :, ::-1].copy()))
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert (theirs * encoder.embed(pixels).numpy()).sum(axis=1).min() > 0.99


def test_ranks_share_the_photos_of_a_step(corpus) -> None:
    people = corpus.manifest.split("train")

    def draw(rank: int, world: int) -> tuple[np.ndarray, np.ndarray]:
        return face.Photos(IdentityOrder(6, 8, 1, rank, world), FaceBatches(people.faces, corpus.photos))(3)

    for whole, *parts in zip(draw(0, 1), draw(0, 2), draw(1, 2), strict=True):
        np.testing.assert_array_equal(np.stack(parts, axis=1).reshape(whole.shape), whole)
    assert len(draw(0, 1)[1]) == 8
