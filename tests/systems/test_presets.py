"""Every preset builds its networks and takes a training step of each; the paper's preset is the paper's, and
reads VoxCeleb1 as it is published."""

from __future__ import annotations

import json
import math
import re
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from deepfacegen.config.schema import Config, load, to_dict
from deepfacegen.data.manifest import splits
from deepfacegen.data.shards import FaceShards
from deepfacegen.data.sources import prepare
from deepfacegen.encoders import speaker
from deepfacegen.systems.cgan import build
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.paper_networks import WenDiscriminator, WenGenerator
from deepfacegen.systems.prior import prior
from deepfacegen.training.resume import Resume
from tests.shared.priors import tiny_prior

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / "params.yaml", *sorted((ROOT / "params").glob("*.yaml"))]
PAPER = ROOT / "params" / "paper.yaml"


def moved_by_one_step(before: nn.Module, after: nn.Module, lr: float) -> bool:
    """Adam's first step moves no weight by more than the learning rate, and those by about that much that
    have a gradient."""
    pairs = zip(after.parameters(), before.parameters(), strict=True)
    most = max(float((weights - was).abs().max().detach()) for weights, was in pairs)
    return 0.5 * lr < most < 1.01 * lr + 1e-6


@pytest.fixture(scope="module")
def photos(corpus, tmp_path_factory: pytest.TempPathFactory) -> FaceShards:
    """The faces of the corpus in the size in which the pipeline stores them, 128 px."""
    faces = corpus.photos.rows(corpus.manifest.faces)
    folder = tmp_path_factory.mktemp("faces")
    np.save(folder / "shard-00000.npy", faces.repeat(2, axis=1).repeat(2, axis=2))
    return FaceShards(folder)


def start_of(config: Config, corpus, photos: FaceShards, folder: Path) -> prior.Prior:
    """The prior after one step; what is ready-made stays as it is, here a stand-in of its size."""
    if config.prior.architecture == "portraits":
        return tiny_prior(prior.Sizes(config.generated_px, 8, 16, 8))
    one = replace(config.prior, steps=1, batch=4, adversary_from=0, ema_steps=0.0, flow_steps=1)
    faces = corpus.manifest.split("train").faces
    trained = prior.train(one, [(faces, photos)], Resume("f", {}, [], folder / "prior")).prior
    torch.manual_seed(one.seed)  # the networks as they were before the step
    before = prior.Prior.untrained(prior.Sizes.of(one))
    for name in ("encoder", "synthesis", "discriminator"):
        pace = prior.PACE if name == "discriminator" else 1.0
        assert moved_by_one_step(before.parts[name], trained.parts[name], pace * one.lr), name
    return trained


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_preset_builds_its_networks_and_takes_a_step_of_each(
    corpus, photos: FaceShards, tmp_path: Path, path: Path
) -> None:
    """A tiny batch, and the adversary from the first step, so that every loss of the preset is computed;
    nothing else is changed."""
    config = load(path)
    model, _, _ = speaker.pretrain(
        replace(config.pretrain, steps=1, batch=2),
        corpus.manifest,
        corpus.audio,
        Resume("p", {}, [], tmp_path / "pretrain"),
    )
    encoder = speaker.VoiceEncoder(model, torch.device("cpu"))
    start = start_of(config, corpus, photos, tmp_path)
    train = replace(config.train, steps=1, batch=2, adversary_from=0, ema_steps=0.0)
    resume = Resume("t", {}, [], tmp_path / "train")
    trained = cgan.train(train, corpus.manifest, corpus.audio, photos, encoder, start, resume)
    params, dim = to_dict(train), trained.condition.dim
    torch.manual_seed(train.seed)  # the networks as they were before the step
    generator: Any = build.generator(params, dim, start.sizes)
    discriminator: Any = build.discriminator(params, dim, 6, start.sizes)
    if train.architecture == "standard":
        generator.flow.load_state_dict(start.flow.state_dict())
        generator.synthesis.load_state_dict(start.synthesis.state_dict())
        discriminator.face.load_state_dict(start.discriminator.state_dict())
    assert moved_by_one_step(generator, trained.generator, train.lr)
    assert moved_by_one_step(discriminator, trained.discriminator, train.lr)
    system = cgan.Cgan(
        encoder, trained.condition, trained.generator, params, config.generated_px, torch.device("cpu")
    )
    generated = system.generate_from(torch.zeros(1, encoder.dim).numpy(), system.latents(2, 0))
    assert generated.shape == (1, 2, config.generated_px, config.generated_px, 3)


def test_the_papers_preset_is_what_was_published() -> None:
    """Wen et al. 2019: sizes of the networks, Adam, batch, steps, and losses that all count alike, without
    those that the paper has not."""
    config = load(PAPER)
    train = config.train
    assert (train.lr, train.beta1, train.beta2, train.batch, train.steps) == (2e-4, 0.5, 0.999, 128, 50_000)
    assert (train.identity_weight, train.condition_noise, train.adversary_from) == (1, 0.05, 0)
    assert not any(
        (train.mismatch_weight, train.feature_weight, train.pixel_weight, train.r1_weight, train.ema_steps)
    )
    assert (train.face_activation, train.logit_activation, config.split.rule) == (
        "identity",
        "identity",
        "first_letter",
    )
    params, unused = to_dict(train), prior.Sizes.of(config.prior)
    generator, discriminator = (
        build.generator(params, config.pretrain.embedding_dim, unused),
        build.discriminator(params, 64, 924, unused),
    )
    assert isinstance(generator, WenGenerator)
    assert isinstance(discriminator, WenDiscriminator)
    assert (config.pretrain.architecture, config.pretrain.normalisation, config.pretrain.embedding_dim) == (
        "wen",
        "band",
        64,
    )


def test_the_benchmark_measures_the_papers_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))  # as when it is run as a script
    measured, train = (
        to_dict(runpy.run_path(str(ROOT / "benchmarks/train_step.py"))["PAPER"]),
        to_dict(load(PAPER).train),
    )
    free = {
        "steps",
        "batch",
        "sample_every",
        "checkpoint_every",
    }  # set by each measurement, or no part of a step
    unused = {"condition_dim", "temperature"}  # by these networks, or by training
    assert {k: v for k, v in measured.items() if k not in free | unused} == {
        k: v for k, v in train.items() if k not in free | unused
    }


def test_the_papers_preset_tells_the_hours_that_the_benchmark_measured() -> None:
    told = re.search(r"about (\d+) hours on two cores", PAPER.read_text(encoding="utf-8"))
    assert told is not None
    result = json.loads((ROOT / "benchmarks/results/train_step.json").read_text(encoding="utf-8"))["results"][
        "cpu_step_128"
    ]
    hours = load(PAPER).train.steps * result["ours"]["seconds_per_step"] / 3600
    assert math.isclose(int(told[1]), hours, rel_tol=0.1)


def test_the_papers_preset_reads_voxceleb1_as_it_is_published(tmp_path: Path) -> None:
    """As the preset's header describes the folders; the names decide who is in which split."""
    people = {
        "id10001": "A.J._Buckley",
        "id10002": "Billy_Zane",
        "id10003": "Celia_Imrie",
        "id10004": "Emma_Roberts",
        "id10005": "Fred_Armisen",
    }
    people |= {"id10006": "Harry_Connick_Jr.", "id10007": "Zoe_Nobody"}
    rows = [
        f"{voice}\t{name}\tf\tUSA\t{'test' if name.startswith('E') else 'dev'}"
        for voice, name in people.items()
    ]
    (tmp_path / "meta.csv").write_text(
        "\n".join(["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet", *rows]) + "\n", encoding="utf-8"
    )
    for k, (person, name) in enumerate(list(people.items())[:-1]):
        wav = (
            tmp_path / "voices" / ("wav", "dev/wav", "test/wav")[k % 3] / person / "1zcIwhmdeo4" / "00001.wav"
        )
        photo = tmp_path / "faces" / name / ("00000123.jpg" if k % 2 else "1.6/1zcIwhmdeo4/0000650.jpg")
        for path in (wav, photo):
            path.parent.mkdir(parents=True)
            path.touch()
    config = load(PAPER)
    roots = {
        "voices_root": str(tmp_path / "voices"),
        "faces_root": str(tmp_path / "faces"),
        "metadata": str(tmp_path / "meta.csv"),
    }
    config = replace(config, data=replace(config.data, **roots))
    told = prepare.prepare(config, tmp_path / "raw")
    assert told["identities"]["listed"] == 6  # all but the one without a photo
    identities = pd.read_parquet(tmp_path / "raw/meta/identities.parquet")
    split = dict(zip(identities["face_id"], splits.assign(identities, config.split).split, strict=True))
    assert split == {
        "A.J._Buckley": "val",
        "Billy_Zane": "val",
        "Celia_Imrie": "test",
        "Emma_Roberts": "test",
        "Fred_Armisen": "train",
        "Harry_Connick_Jr": "train",
    }
