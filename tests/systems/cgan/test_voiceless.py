"""Photos of people without voices: the prior trains on them, latents are fitted to them, the condition is
not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from deepfacegen.config.schema import PriorConfig, TrainConfig
from deepfacegen.data.shards import FaceShards, shard_path, write_array
from deepfacegen.data.voiceless import Source, Voiceless, joined
from deepfacegen.systems.cgan import closed_form
from deepfacegen.systems.cgan.linear_latent import LinearLatent
from deepfacegen.systems.cgan.train import trained_on_photos
from deepfacegen.systems.condition import PredictedCondition, WholeCondition
from deepfacegen.systems.prior import prior
from deepfacegen.training.resume import Resume
from deepfacegen.training.steps import identity_order

CONFIG = PriorConfig(
    architecture="trained",
    image_size_px=32,
    channels=4,
    max_channels=8,
    code_dim=4,
    steps=2,
    batch=8,
    adversary_from=1,
    flow_steps=2,
)
WHITE = 2  # people without voices, whose photos are white


@pytest.fixture
def white(tmp_path: Path) -> Source:
    write_array(shard_path(tmp_path / "white", 0), np.full((3, 64, 64, 3), 255, dtype=np.uint8))
    table = pd.DataFrame({"shard": 0, "row": [0, 1, 2], "label": [0, 0, 1]})
    return table, FaceShards(tmp_path / "white")


def test_a_batch_holds_people_with_and_without_voices(corpus, white: Source) -> None:
    faces = corpus.manifest.split("train").faces
    table, shards = joined([(faces, corpus.photos), white])
    order = identity_order(CONFIG, 6 + WHITE)
    seen = [prior.Photos(order, prior.FaceBatches(table, shards))(step) for step in range(4)]
    for step, batch in enumerate(seen):
        is_white = (batch == 255).all(axis=(1, 2, 3))
        assert (is_white == (order.whole(step) >= 6)).all()
        assert is_white.sum() == WHITE  # 8 people, all of them in each batch of 8


def test_training_takes_both_sources(corpus, white: Source, tmp_path: Path) -> None:
    own = (corpus.manifest.split("train").faces, corpus.photos)

    def weights(name: str, *sources: Source) -> torch.Tensor:
        trained = prior.train(CONFIG, sources, Resume(name, {}, [], tmp_path)).prior
        return torch.cat([p.detach().flatten() for p in trained.synthesis.parameters()])

    alone = weights("a", own)
    assert torch.equal(alone, weights("b", own))
    assert not torch.equal(alone, weights("c", own, white))


def test_config_names_the_photos_only_where_there_are_some(tmp_path: Path) -> None:
    network = prior.Prior.untrained(prior.Sizes.of(CONFIG))
    record = {"people": 2, "sha256": "0" * 64}
    prior.save(tmp_path / "none", CONFIG, network, ["id1"])
    prior.save(tmp_path / "some", CONFIG, network, ["id1"], trained_on_photos=record)
    none, some = (json.loads((tmp_path / name / "config.json").read_text()) for name in ("none", "some"))
    assert "trained_on_photos" not in none
    assert some == none | {"trained_on_photos": record}


def test_the_record_of_a_gan_is_of_what_it_used(tmp_path: Path, white: Source) -> None:
    found, prior_record = Voiceless(white, {"people": 2}), {"people": 3}
    network = prior.Prior.untrained(prior.Sizes.of(CONFIG))
    prior.save(tmp_path / "none", CONFIG, network, [])
    prior.save(tmp_path / "some", CONFIG, network, [], trained_on_photos=prior_record)
    for config, voiceless, folder, expected in (
        (TrainConfig(), found, "none", {"people": 2}),
        (TrainConfig(), None, "none", None),
        (TrainConfig(condition_dim=0), found, "none", None),
        (TrainConfig(condition_dim=0), found, "some", prior_record),
        (TrainConfig(architecture="paper"), found, "some", None),
    ):
        assert trained_on_photos(config, voiceless, tmp_path / folder) == expected


class FirstPixel(prior.Prior):
    """Stands for a prior: the latent of a face is the red of its first pixel, and its square."""

    def latents(self, faces: pd.DataFrame, photos: FaceShards) -> torch.Tensor:
        red = torch.from_numpy(photos.rows(faces)[:, 0, 0, :1].astype(np.float32))
        return torch.cat([red, red.square()], dim=1)


def fitted_mean(condition, corpus, voiceless: Source | None) -> np.ndarray:
    people = corpus.manifest.split("train")
    start = prior.Prior.untrained(prior.Sizes.of(CONFIG))
    stand_in = FirstPixel(**{name: getattr(start, name) for name in ("sizes", *prior.PARTS)})
    linear = LinearLatent(1, 2)
    conditions = torch.zeros(len(people.clips), 1)
    closed_form.fit_latent(linear, stand_in, condition, conditions, people, corpus.photos, voiceless)
    return linear.mean.numpy()


def test_the_latent_is_fitted_to_both_where_faces_have_a_condition(corpus, white: Source) -> None:
    people = corpus.manifest.split("train")
    red = corpus.photos.rows(people.faces)[:, 0, 0, 0].astype(float)
    condition = PredictedCondition(64, 1)  # all faces have the condition 0: the latent is the mean
    for voiceless, expected in ((None, red), (white, np.append(red, [255.0] * 3))):
        found = fitted_mean(condition, corpus, voiceless)
        assert found == pytest.approx([expected.mean(), (expected**2).mean()], rel=1e-5)


def test_the_latent_is_fitted_to_people_with_voices_where_only_voices_have_a_condition(
    corpus, white: Source
) -> None:
    condition = WholeCondition(1)
    assert (fitted_mean(condition, corpus, white) == fitted_mean(condition, corpus, None)).all()


def test_so_many_photos_are_enough(corpus, white: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_form, "MOST_FACES", 18)  # those of the training people are 18
    table, shards = white
    many = pd.concat([table] * 100, ignore_index=True)
    measured: list[int] = []
    rows = FaceShards.rows
    monkeypatch.setattr(FaceShards, "rows", lambda s, t: (measured.append(len(t)), rows(s, t))[1])
    fitted_mean(PredictedCondition(64, 1), corpus, (many, shards))
    assert sum(measured) == 2 * (18 + 18)
