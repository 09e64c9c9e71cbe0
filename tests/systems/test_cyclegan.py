"""The conditional CycleGAN on a tiny corpus: batches, losses, resuming, and a round trip through a folder to
every use of it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from deepfacegen.config.fields import ConfigError
from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.batches import IdentityOrder
from deepfacegen.errors import UserError
from deepfacegen.systems.cyclegan import refine as cyclegan
from deepfacegen.systems.cyclegan.adversary import attribute_loss
from deepfacegen.systems.cyclegan.batches import Batches
from deepfacegen.systems.cyclegan.fits import fit_frontal
from deepfacegen.systems.cyclegan.identity import verification_loss
from deepfacegen.training import store
from deepfacegen.training.resume import Resume
from tests.systems.conftest import Corpus

CONFIG = CycleganConfig(
    size_px=64, scale=4, attributes="even,low", channels=8, steps=6, batch=4, checkpoint_every=1, ema_steps=2
)


class _Net(nn.Module):
    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        mean = faces.mean(dim=(2, 3)) + 1e-3
        return nn.functional.normalize(mean, dim=1), mean


class Encoder:
    """Stands in for the face network: the mean colour of a face is whose it is."""

    network: nn.Module = _Net()

    def __init__(self) -> None:
        self.trained_with: list[str] = []

    def embed(self, faces: np.ndarray) -> Tensor:
        return self.network(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1)[0]


def _table(corpus: Corpus) -> pd.DataFrame:
    person = corpus.manifest.faces["identity_id"].str[2:].astype(int)
    values = {"even": np.where(person % 2 == 0, 1.0, -1.0), "low": np.where(person < 3, 1.0, -1.0)}
    return pd.DataFrame(values, index=corpus.manifest.faces["photo_id"], dtype=np.float32)


def _train(corpus: Corpus, folder: Path, config: CycleganConfig = CONFIG, **more: object) -> cyclegan.Trained:
    resume = Resume("cyclegan", {}, [], folder)
    return cyclegan.train(config, corpus.manifest, corpus.photos, _table(corpus), resume, Encoder(), **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> cyclegan.Trained:
    return _train(corpus, tmp_path_factory.mktemp("resume"))


def _batches(corpus: Corpus, rank: int = 0, world: int = 1) -> tuple[Batches, pd.DataFrame]:
    people = corpus.manifest.split("train")
    faces = people.faces
    row = np.arange(len(faces), dtype=np.float32)[:, None]
    order = IdentityOrder(len(people.identities), 4, 0, rank, world)
    return Batches(CONFIG, order, faces, corpus.photos, np.repeat(row, 2, axis=1), row + 1), faces


def test_what_is_drawn_and_what_is_real_are_photos_of_other_people(corpus: Corpus) -> None:
    batches, faces = _batches(corpus)
    allowed = corpus.photos.rows(faces)
    for step in (
        0,
        2,
        3,
        5,
    ):  # within one round of the six people; where two rounds meet, somebody may be met twice
        batch = batches(step)
        person = faces["label"].to_numpy()
        own = [int((allowed == face).all(axis=(1, 2, 3)).argmax()) for face in batch["given"]]
        for face in (*batch["given"], *batch["real"]):
            assert (allowed == face).all(axis=(1, 2, 3)).any()
        real = batch["attributes"][:, 0].astype(int)
        assert not set(person[own]) & set(person[real])
        changed = batch["changed"]
        assert changed.tolist() == [True, False]
        asked = batch["condition"][:, 0].astype(int)
        assert (asked == own).tolist() == [False, True]
        assert (person[asked] == person[own]).tolist() == [False, True]
        assert (batch["wrong"] != batch["attributes"]).all()
        for who, of in zip(
            batch["who"][:, 0], asked, strict=True
        ):  # unknown, or any photo of the person whose attributes are asked for
            assert who == 0 or person[int(who) - 1] == person[of]


def test_ranks_share_one_batch(corpus: Corpus) -> None:
    whole = _batches(corpus)[0](3)
    parts = [_batches(corpus, rank, 2)[0](3) for rank in range(2)]
    for name, value in whole.items():
        for rank, part in enumerate(parts):
            np.testing.assert_array_equal(part[name], value[rank::2])


def test_unknown_attributes_cost_nothing() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0]])
    asked = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    expected = (math.log1p(math.exp(-2)) + math.log(2) + math.log1p(math.exp(-3))) / 3
    assert attribute_loss(logits, asked).item() == pytest.approx(expected, rel=1e-5)
    assert attribute_loss(logits, torch.zeros(2, 2)).item() == 0


def test_verification_counts_only_faces_for_which_an_identity_was_asked() -> None:
    drawn = torch.zeros(3, 3, 64, 64)
    drawn[:, 0] = 1.0  # red: embedded as about (1, 0, 0)
    who = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    chance = torch.full((3, 10), 0.5)  # changes nothing but a hidden square
    assert verification_loss(_Net(), drawn, who, chance).item() == pytest.approx(0.5, abs=2e-3)
    turned = chance.clone()
    turned[:, 5] = 0.0  # seen in grey, nobody is red
    assert verification_loss(_Net(), drawn, who, turned).item() == pytest.approx(1 - 3**-0.5, abs=2e-3)


def test_a_stopped_training_ends_with_the_same_bytes(
    corpus: Corpus, trained: cyclegan.Trained, tmp_path: Path
) -> None:
    config = dataclasses.replace(CONFIG, steps=12, checkpoint_every=1)
    whole = _train(corpus, tmp_path / "whole", config)
    short = dataclasses.replace(config, steps=6)  # its last resume point lies before the first row
    _train(corpus, tmp_path / "stopped", short)
    again = _train(corpus, tmp_path / "stopped", config)
    assert again.effort.resumed_at == 5
    assert again.statistics.rows == whole.statistics.rows != []
    for name, value in whole.generator.state_dict().items():
        assert torch.equal(value, again.generator.state_dict()[name]), name


def test_training_learns_to_show_what_is_asked_for(corpus: Corpus, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, steps=60, lr=3e-3, identity=False, batch=8)
    rows = cyclegan.train(
        config, corpus.manifest, corpus.photos, _table(corpus), Resume("x", {}, [], tmp_path)
    ).statistics.rows
    for name in (
        "d/attributes",
        "g/attributes",
    ):  # the adversary learns to see them, and the generator to show them to it
        assert rows[-1][name] < 0.9 * rows[0][name]


def test_the_learned_way_back_is_trained_and_kept(corpus: Corpus, tmp_path: Path) -> None:
    learned = _train(corpus, tmp_path, dataclasses.replace(CONFIG, backward="learned"))
    assert learned.reducer is not None
    assert any(bool(p.any()) for p in learned.reducer.picture.parameters())  # type: ignore[union-attr]
    assert _train(corpus, tmp_path / "area").reducer is None


def _saved(
    corpus: Corpus, trained: cyclegan.Trained, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> cyclegan.Refiner:
    people = corpus.manifest.split("train").identities["identity_id"].tolist()
    cyclegan.save(folder / "cyclegan", CONFIG, trained, people, ["dlib"])
    monkeypatch.setattr(
        "deepfacegen.systems.cyclegan.refine.faces_net.load", lambda _folder, _device: Encoder()
    )
    return cyclegan.load(folder, torch.device("cpu"))


def test_a_saved_refiner_draws_the_same_in_every_way(
    corpus: Corpus, trained: cyclegan.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refiner = _saved(corpus, trained, tmp_path, monkeypatch)
    told = store.read_config(tmp_path / "cyclegan")
    assert told["trained_on"] == [f"id{i}" for i in range(6)]
    assert told["trained_with"] == ["dlib"]
    assert told["chosen_on"] == []
    faces = corpus.photos.gather(np.zeros(5, int), np.arange(5))
    low = faces.reshape(5, 16, 4, 16, 4, 3).mean(axis=(2, 4)).round().astype(np.uint8)
    asked = np.array([[1, -1]] * 5, dtype=np.float32)
    drawn = refiner.upscale(low, asked)
    with torch.inference_mode():
        given = torch.from_numpy(low).permute(0, 3, 1, 2).float() / 127.5 - 1
        expected = trained.generator(given, torch.from_numpy(asked), torch.zeros(5, 3))
    expected_pixels = ((expected.clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(drawn, expected_pixels, atol=1)
    guessed = refiner.guess(low)
    assert np.isin(guessed, (-1, 1)).all()
    np.testing.assert_array_equal(refiner.upscale(low), refiner.upscale(low, guessed))
    half_told = np.array([[1, np.nan]] * 5, dtype=np.float32)
    np.testing.assert_array_equal(
        refiner.upscale(low, half_told),
        refiner.upscale(low, np.column_stack([half_told[:, 0], guessed[:, 1]])),
    )
    assert (refiner.swap(low, faces[::-1]) != refiner.upscale(low)).any()
    assert refiner.frontal(faces).shape == (5, 64, 64, 3)
    np.testing.assert_array_equal(refiner.upscale(low[3:4], asked[:1]), drawn[3:4])


def test_what_cannot_be_drawn_is_refused(
    corpus: Corpus, trained: cyclegan.Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refiner = _saved(corpus, trained, tmp_path, monkeypatch)
    with pytest.raises(ValueError, match="takes 16 px or a multiple"):
        refiner.upscale(np.zeros((1, 15, 15, 3), np.uint8))
    with pytest.raises(ValueError, match=r"attributes must be \[1, 2\]"):
        refiner.upscale(np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 3)))
    refiner.face = None
    with pytest.raises(UserError, match=r"cyclegan\.identity: true"):
        refiner.swap(np.zeros((1, 16, 16, 3), np.uint8), np.zeros((1, 64, 64, 3), np.uint8))
    with pytest.raises(UserError, match="no trained model"):
        cyclegan.load(tmp_path / "nowhere", torch.device("cpu"))


def test_the_frontal_map_leads_to_each_persons_most_frontal_photo_made_even() -> None:
    rng = np.random.default_rng(2)
    low = torch.from_numpy(rng.normal(size=(4, 768)).astype(np.float32))
    turn = fit_frontal(low, np.array([0, 0, 1, 1]), np.array([0.5, 0.1, 0.0, 0.3]), ridge=1e-6)
    pictures = low.view(4, 3, 16, 16)
    even = (0.5 * (pictures + pictures.flip(3))).flatten(1)
    torch.testing.assert_close(turn(low), even[[1, 1, 2, 2]], atol=0.02, rtol=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_px": 96},
        {"scale": 3},
        {"size_px": 64, "scale": 8},
        {"batch": 6},
        {"attributes_file": "x"},
        {"attributes_from": "celeba"},
    ],
)
def test_parameters_that_contradict_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"cyclegan\."):
        CycleganConfig(**wrong)  # type: ignore[arg-type]
