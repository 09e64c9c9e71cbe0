"""The prior of faces on the tiny corpus: it learns to reconstruct, resumes byte for byte, survives disk, and
may be ready-made."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from deepfacegen import room
from deepfacegen.config.systems import PriorConfig
from deepfacegen.data.batches import FaceBatches, IdentityOrder
from deepfacegen.errors import UserError
from deepfacegen.systems.prior import prior, step
from deepfacegen.training import store
from deepfacegen.training.resume import Resume
from tests.shared.priors import TINY, tiny_prior

CONFIG = PriorConfig(
    architecture="trained",
    image_size_px=32,
    code_dim=8,
    channels=8,
    max_channels=16,
    steps=8,
    batch=6,
    adversary_from=3,
    r1_every=4,
    ema_steps=5.0,
    flow_steps=4,
    checkpoint_every=4,
)


def train(corpus, root: Path, config: PriorConfig = CONFIG) -> prior.Trained:
    faces = corpus.manifest.split("train").faces
    return prior.train(config, [(faces, corpus.photos)], Resume("prior", {}, [], root))


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory: pytest.TempPathFactory) -> prior.Trained:
    return train(corpus, tmp_path_factory.mktemp("prior"))


def weights(found: prior.Prior) -> dict[str, torch.Tensor]:
    return {f"{n}.{k}": v for n, part in found.parts.items() for k, v in part.state_dict().items()}


def same(one: prior.Prior, other: prior.Prior) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@torch.no_grad()
def off(found: prior.Prior, corpus) -> float:
    """Mean distance of reconstructions of training people's faces from them, in [-1, 1]."""
    faces = corpus.manifest.split("train").faces
    real = prior.from_pixels(torch.from_numpy(corpus.photos.rows(faces)), 32)
    return float((found.faces(found.latents(faces, corpus.photos)) - real).abs().mean())


@pytest.mark.slow
def test_it_learns_to_reconstruct(corpus, tmp_path: Path) -> None:
    """Also after the discriminator has begun; the faces differ in colour, so that their mean is far off."""
    config = replace(CONFIG, steps=200, adversary_from=175, ema_steps=0.0, lr=3e-3, checkpoint_every=1000)
    found = train(corpus, tmp_path, config)
    rows = found.statistics.rows
    assert [row["step"] for row in rows] == list(range(25, 201, 25))
    assert rows[-2]["pixel"] < 0.5 * rows[0]["pixel"]
    mean_face = corpus.photos.rows(corpus.manifest.split("train").faces).astype(float)
    of_the_mean = np.abs(mean_face - mean_face.mean(axis=0)).mean() / 127.5
    assert off(found.prior, corpus) < 0.6 * of_the_mean
    assert "g/adversarial" not in rows[-2]
    assert {"pixel", "divergence", "d/real", "d/generated", "d/accuracy", "d/r1", "g/feature"} < rows[
        -1
    ].keys()


def test_the_discriminator_rests_until_its_first_step(corpus, trained, tmp_path: Path) -> None:
    torch.manual_seed(CONFIG.seed)
    untrained = prior.Prior.untrained(TINY).discriminator.state_dict()
    rested = train(corpus, tmp_path, replace(CONFIG, adversary_from=8)).prior.discriminator.state_dict()
    assert all(torch.equal(untrained[name], rested[name]) for name in untrained)
    begun = trained.prior.discriminator.state_dict()
    assert not any(torch.equal(untrained[name], begun[name]) for name in untrained)


def test_a_killed_run_ends_with_the_same_bytes(corpus, trained, tmp_path: Path) -> None:
    photos = prior.Photos.__call__

    def dying(self: prior.Photos, step: int) -> np.ndarray:
        if step == 6:
            raise KeyboardInterrupt
        return photos(self, step)

    with mock.patch.object(prior.Photos, "__call__", dying), pytest.raises(KeyboardInterrupt):
        train(corpus, tmp_path)
    resumed = train(corpus, tmp_path)
    assert resumed.effort.resumed_at == 4
    assert same(resumed.prior, trained.prior)
    assert resumed.statistics.rows == trained.statistics.rows


def test_another_seed_gives_another_prior(corpus, trained, tmp_path: Path) -> None:
    assert not same(train(corpus, tmp_path, replace(CONFIG, seed=1)).prior, trained.prior)


def test_what_is_kept_is_the_average_not_the_last_step(corpus, trained, tmp_path: Path) -> None:
    last = train(corpus, tmp_path, replace(CONFIG, ema_steps=0.0)).prior
    a, b = weights(last), weights(trained.prior)
    equal = {name.split(".")[0]: torch.equal(a[name], b[name]) for name in a if name.endswith("weight")}
    assert equal == {"encoder": False, "synthesis": False, "flow": False, "discriminator": True}


def test_a_photo_of_each_person_depends_on_seed_and_step_alone(corpus) -> None:
    people = corpus.manifest.split("train")

    def batch(step: int, seed: int = 1, rank: int = 0, world: int = 1) -> np.ndarray:
        order = IdentityOrder(6, 8, seed, rank, world)
        return prior.Photos(order, FaceBatches(people.faces, corpus.photos))(step)

    assert batch(3).shape == (8, 64, 64, 3)
    assert batch(3).dtype == np.uint8
    assert np.array_equal(batch(3), batch(3))
    assert not np.array_equal(batch(3), batch(4))
    assert not np.array_equal(batch(3), batch(3, seed=2))
    halves = np.stack([batch(3, rank=k, world=2) for k in range(2)], axis=1)
    assert np.array_equal(halves.reshape(8, 64, 64, 3), batch(3))
    rows = corpus.photos.rows(people.faces)
    owners = people.faces["label"].to_numpy()
    for faces, labels in ((batch(s), IdentityOrder(6, 8, 1).whole(s)) for s in range(5)):
        found = [owners[(rows == face).all(axis=(1, 2, 3))].item() for face in faces]
        assert found == labels.tolist()


def test_latents_do_not_depend_on_the_batch_and_none_are_none(corpus) -> None:
    found, faces = tiny_prior(), corpus.manifest.faces
    latents = found.latents(faces, corpus.photos)
    assert latents.shape == (30, 8)
    assert latents.dtype == torch.float32
    torch.testing.assert_close(found.latents(faces[4:6], corpus.photos), latents[4:6], atol=1e-5, rtol=1e-4)
    assert found.latents(faces[:0], corpus.photos).shape == (0, 8)


def test_codes_of_mirrored_faces_are_those_of_their_mirror_images(corpus) -> None:
    found, faces = tiny_prior(), corpus.manifest.faces[:3]
    mirrored = prior.from_pixels(torch.from_numpy(corpus.photos.rows(faces)[:, :, ::-1].copy()), 32)
    with torch.inference_mode():
        mean, log_variance = found.encoder(mirrored)
    means, deviations = found.codes(faces, corpus.photos, flip=True)
    torch.testing.assert_close(means, mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(deviations.square().log(), log_variance, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found.codes(faces, corpus.photos)[0], means, atol=1e-3)


@pytest.mark.parametrize("half", [False, True])
def test_saved_and_loaded_it_is_the_same(trained, tmp_path: Path, half: bool) -> None:
    prior.save(tmp_path, CONFIG, trained.prior, ["b", "a"], half=half)
    loaded = prior.load(tmp_path)
    assert loaded.sizes == TINY
    a, b = weights(loaded), weights(trained.prior)
    assert a.keys() == b.keys()
    for name, value in b.items():
        assert a[name].dtype == torch.float32
        assert torch.equal(a[name], value.half().float() if half else value)
    assert not any(part.training for part in loaded.parts.values())
    assert store.read_config(tmp_path)["trained_on"] == ["a", "b"]
    size = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    assert size == pytest.approx((2 if half else 4) * sum(v.numel() for v in b.values()), rel=0.15)


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("part", prior.PARTS)
@pytest.mark.parametrize("harm", [damage, Path.unlink], ids=["damaged", "missing"])
def test_a_part_that_cannot_be_read_is_an_error_that_names_the_file(
    trained, tmp_path: Path, part: str, harm: Callable[[Path], None]
) -> None:
    prior.save(tmp_path, CONFIG, trained.prior, [])
    harm(tmp_path / f"{part}.safetensors")
    with pytest.raises(UserError, match=rf"{part}\.safetensors: cannot be loaded") as caught:
        prior.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_prior_is_an_error_that_names_it(trained, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none: no trained model there; run the pipeline first"):
        prior.load(tmp_path / "none")
    prior.save(tmp_path, CONFIG, trained.prior, [])
    damage(tmp_path / "config.json")
    with pytest.raises(UserError, match=r"config\.json: damaged"):
        prior.load(tmp_path)


def test_the_ready_made_prior_is_taken_as_it_is(
    corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever weights lie in the package."""
    prior.save(tmp_path / "portraits", CONFIG, tiny_prior(seed=7), [], half=True)
    monkeypatch.setattr(prior, "PORTRAITS", tmp_path / "portraits")
    found = train(corpus, tmp_path / "resume", replace(CONFIG, architecture="portraits"))
    assert found.effort.steps == 0
    assert found.statistics.rows == []
    expected = {name: value.half().float() for name, value in weights(tiny_prior(seed=7)).items()}
    assert all(torch.equal(value, expected[name]) for name, value in weights(found.prior).items())
    assert not (tmp_path / "resume").exists()


def test_the_packaged_prior_generates_faces_of_64_px_and_is_small() -> None:
    found = prior.load(prior.PORTRAITS)
    assert found.sizes.image_size_px == 64
    with torch.inference_mode():
        assert found.synthesis(torch.zeros(1, found.sizes.code_dim)).shape == (1, 3, 64, 64)
    assert sum(path.stat().st_size for path in prior.PORTRAITS.iterdir()) < 5_000_000
    described = store.read_config(prior.PORTRAITS)
    assert described["trained_on"] == []


def test_the_card_of_the_packaged_prior_has_the_digests_of_its_files() -> None:
    card = (prior.PORTRAITS / "CARD.md").read_text(encoding="utf-8")
    for path in prior.PORTRAITS.iterdir():
        if path.name != "CARD.md":
            assert f"| `{path.name}` | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |" in card


def test_a_batch_that_cannot_fit_is_refused_before_work(
    corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "memory", lambda: (10**9, 5 * 10**8))
    monkeypatch.setenv("DEEPFACEGEN_DEVICE", "cpu")
    monkeypatch.setattr(prior.Prior, "to", lambda *_: pytest.fail("began"))
    with pytest.raises(UserError, match=r"a step of prior takes .* lower prior\.batch") as caught:
        train(corpus, tmp_path, replace(CONFIG, batch=100_000))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("batch", "ranks"), [(6, 4), (4, 8)])
def test_a_batch_that_ranks_cannot_share_is_refused(
    corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, ranks: int
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(ranks))
    with pytest.raises(UserError, match=f"batch of {batch} cannot be shared by {ranks} processes"):
        train(corpus, tmp_path, replace(CONFIG, batch=batch))


def test_the_learning_rate_falls(corpus, tmp_path: Path) -> None:
    """The last steps move the weights by far less than those in the middle."""
    seen: list[torch.Tensor] = []
    descend = step.descend

    def watched(optimiser: torch.optim.Optimizer, loss: torch.Tensor, longest: float | None) -> None:
        descend(optimiser, loss, longest)
        weight = optimiser.param_groups[0]["params"][0]
        if not seen or seen[-1].shape == weight.shape:
            seen.append(weight.detach().clone())

    with mock.patch.object(step, "descend", watched):
        train(corpus, tmp_path, replace(CONFIG, steps=30, adversary_from=30))
    moved = [float((b - a).abs().mean()) for a, b in itertools.pairwise(seen)]
    assert len(moved) == 29
    assert moved[-1] < 0.3 * moved[12]
