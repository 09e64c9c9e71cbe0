"""Learnable PINs on the tiny corpus: pairs, training, resume, ranks, disk, scores, and what is told when
something is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch import nn

from deepfacegen.config.baselines import PinsConfig
from deepfacegen.config.fields import ConfigError
from deepfacegen.data.batches import IdentityOrder, Manifest
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.face_networks import FaceNet
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.errors import UserError
from deepfacegen.systems import vggm
from deepfacegen.systems.pins import networks
from deepfacegen.systems.pins import train as pins
from deepfacegen.systems.pins.batches import FacesOfClips, PairBatches, crops, mixtures
from deepfacegen.systems.pins.fits import directions, equal_error_score
from deepfacegen.systems.protocol import VoiceFaceMatcher
from deepfacegen.training import store
from deepfacegen.training.resume import Resume
from tests.systems import pins_two_ranks

# The tiny corpus has faces of one shape and different colours, which oriented gradients do not see: a face
# network does.
CONFIG = PinsConfig(
    faces="network", directions=8, steps=150, batch=6, dim=16, lr=5e-3, tau_every=25, checkpoint_every=25
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder() -> speaker.VoiceEncoder:
    torch.manual_seed(0)
    return speaker.VoiceEncoder(VoiceModel("ecapa", dim=16, channels=16), CPU)


@pytest.fixture(scope="module")
def recogniser() -> face.FaceEncoder:
    torch.manual_seed(0)
    return face.FaceEncoder(FaceNet(dim=16, channels=4), CPU)


def train(corpus, encoder, recogniser, root: Path, config: PinsConfig = CONFIG, after=None) -> pins.Trained:
    return pins.train(
        config,
        corpus.manifest,
        corpus.audio,
        corpus.photos,
        encoder,
        recogniser,
        Resume("t", {}, [], root),
        None,
        after,
    )


@pytest.fixture(scope="module")
def trained(corpus, encoder, recogniser, tmp_path_factory: pytest.TempPathFactory) -> pins.Trained:
    return train(corpus, encoder, recogniser, tmp_path_factory.mktemp("r"))


def heard_and_seen(corpus, split: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Voices, faces, and which of them are one person's."""
    part = corpus.manifest.split(split)
    waves = corpus.audio.clips(part.clips)
    faces = corpus.photos.rows(part.faces)
    return (
        waves,
        faces,
        part.clips["identity_id"].to_numpy()[:, None] == part.faces["identity_id"].to_numpy()[None],
    )


def test_it_learns_whose_voice_goes_with_which_face(
    corpus, encoder, recogniser, trained: pins.Trained
) -> None:
    rows = trained.statistics.rows
    assert rows[-1]["matching"] > 0.9 > rows[0]["matching"]
    assert rows[-1]["pull"] < 0.5 * rows[0]["pull"]
    assert [rows[0]["tau"], rows[-1]["tau"]] == pytest.approx([0.3, 0.8])
    waves, faces, same = heard_and_seen(corpus, "train")
    scores = pins.Pins(trained.joint, CPU, encoder, recogniser.embed).score(waves, faces)
    own, others = scores[same], scores[~same]
    assert (own[:, None] > others[None]).mean() > 0.9


@pytest.mark.parametrize("faces", ["gradients", "network"])
def test_a_killed_run_ends_with_the_same_bytes(
    corpus, encoder, recogniser, tmp_path: Path, faces: str
) -> None:
    config = replace(CONFIG, faces=faces, steps=8, checkpoint_every=4)

    def kill(step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    whole = train(corpus, encoder, recogniser, tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train(corpus, encoder, recogniser, tmp_path / "killed", config, kill)
    resumed = train(corpus, encoder, recogniser, tmp_path / "killed", config)
    assert resumed.effort.resumed_at == 4
    assert all(
        torch.equal(x, y)
        for x, y in zip(whole.joint.state_dict().values(), resumed.joint.state_dict().values(), strict=True)
    )
    assert whole.statistics.rows == resumed.statistics.rows
    assert whole.threshold == resumed.threshold


def test_scores_are_minus_distances_and_survive_disk(
    corpus, encoder, recogniser, trained: pins.Trained, tmp_path: Path
) -> None:
    pins.save(tmp_path / "pins", CONFIG, trained, ["id1", "id0"])
    told = store.read_config(tmp_path / "pins")
    assert told["trained_on"] == ["id0", "id1"]
    assert told["chosen_on"] == ["id6", "id7"]  # the validation people, of whom the threshold was chosen
    assert told["trained_with"] == []
    with pytest.raises(UserError, match="face: no trained model"):
        pins.load(tmp_path, CPU)
    store.save(
        tmp_path / "face",
        {"network": {"architecture": "own", "dim": 16, "channels": 4}},
        network=recogniser.network,
    )
    with pytest.raises(UserError, match="voice: no trained model"):
        pins.load(tmp_path, CPU)
    network = {"architecture": "ecapa", "normalisation": "level", "dim": 16, "channels": 16}
    store.save(tmp_path / "voice", {"network": network}, encoder=encoder.model.encoder)
    system = pins.load(tmp_path, CPU)
    assert isinstance(system, VoiceFaceMatcher)
    assert system.threshold == trained.threshold
    waves, faces, _ = heard_and_seen(corpus, "test")
    scores = system.score(waves, faces)
    assert scores.shape == (6, 6)
    assert scores.dtype == np.float32
    fresh = pins.Pins(trained.joint, CPU, encoder, recogniser.embed)
    np.testing.assert_allclose(
        scores, -cdist(fresh.embed_voices(waves).double(), fresh.embed_faces(faces).double()), atol=1e-3
    )
    np.testing.assert_allclose(
        system.score(waves[2:3], faces[1:3]), scores[2:3, 1:3], atol=1e-4
    )  # whoever else is there
    (tmp_path / "pins" / "joint.safetensors").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"joint\.safetensors"):
        pins.load(tmp_path, CPU)


def test_judges_that_took_part_are_told(corpus, encoder, recogniser, tmp_path: Path) -> None:
    judge: Any = SimpleNamespace(embed=recogniser.embed, trained_with=["dlib"])
    assert train(corpus, encoder, judge, tmp_path / "a", replace(CONFIG, steps=2)).trained_with == ["dlib"]
    assert (
        train(
            corpus, encoder, judge, tmp_path / "b", replace(CONFIG, steps=2, faces="gradients")
        ).trained_with
        == []
    )


def tiny(dim: int) -> networks.Joint:
    """Networks that take what the published ones take."""
    voice_net = nn.Sequential(nn.LazyLinear(4))
    listen = nn.Sequential(_Level(), voice_net)
    see = nn.Sequential(nn.AvgPool2d(56), nn.Flatten(), nn.Linear(48, 4))
    joint = networks.Joint(
        networks.Embedding(listen, 4, dim), networks.Embedding(see, 4, dim), nn.Identity(), nn.Identity()
    )
    joint.voice(torch.zeros(2, 48_000, dtype=torch.int16))
    return joint


class _Level(nn.Module):
    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        assert waveform.dtype == torch.int16
        assert waveform.shape[1] == 48_000
        return waveform.float().view(len(waveform), -1, 1000).std(dim=2) / 1000


def test_the_published_size_hears_three_seconds_and_sees_large_faces(
    corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "published", tiny)
    config = PinsConfig(size="published", steps=4, batch=4, dim=8)
    trained = train(corpus, None, None, tmp_path / "r", config)
    assert np.isfinite(trained.threshold)
    pins.save(tmp_path / "pins", config, trained, ["id0"])
    system = pins.load(tmp_path, CPU)
    waves, faces, _ = heard_and_seen(corpus, "test")
    assert system.score(waves, faces).shape == (6, 6)
    np.testing.assert_allclose(system.score(waves[:1], faces), system.score(waves, faces)[:1], atol=1e-4)
    assert vggm.face_inputs(torch.from_numpy(faces)).shape == (6, 3, 224, 224)


def table(rows: dict[str, int], column: str) -> pd.DataFrame:
    return pd.DataFrame({column: list(rows), "label": list(rows.values())})


def test_a_voice_is_paired_with_a_face_of_its_recording_else_its_video_else_its_person() -> None:
    clips = table({"id1/aa/01": 0, "id1/aa/02": 0, "id1/bb/01": 0, "id2/aa/01": 1}, "clip_id")
    faces = table(
        {
            "n1/0001_01": 0,
            "n1/aa/01#0000": 0,
            "n1/aa/01#0001": 0,
            "n1/cc/09#0000": 0,
            "n2/0001_01": 1,
            "n2/0002_01": 1,
        },
        "photo_id",
    )
    pairs = FacesOfClips(clips, faces, video=True)
    assert pairs.level.tolist() == [2, 1, 0, 0]
    rng = np.random.default_rng(0)
    drawn = [{int(pairs.draw(np.array([clip]), rng)[0]) for _ in range(100)} for clip in range(4)]
    assert drawn == [{1, 2}, {1, 2}, {0, 1, 2, 3}, {4, 5}]
    by_person = FacesOfClips(clips, faces, video=False)
    assert by_person.level.tolist() == [0, 0, 0, 0]
    assert {int(by_person.draw(np.array([0]), rng)[0]) for _ in range(100)} == {0, 1, 2, 3}
    with pytest.raises(ValueError, match="id2/aa/01"):
        FacesOfClips(clips, faces.iloc[:4], video=True)


@pytest.mark.torchrun
@given(st.integers(1, 20), st.integers(1, 5), st.sampled_from([2, 3]), st.integers(0, 100), st.integers(0, 3))
def test_ranks_draw_the_pairs_that_one_process_draws(
    people: int, share: int, world: int, step: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.arange(people), rng.integers(0, people, 20)])
    clips = pd.DataFrame({"clip_id": [f"id{p}/v/{k}" for k, p in enumerate(owner)], "label": owner})
    clips = clips.assign(
        shard=0, offset_samples=200 * np.arange(len(owner)), length_samples=rng.integers(5, 200, len(owner))
    )
    faces = pd.DataFrame({"photo_id": [f"n{p}/{k}" for k, p in enumerate(owner[::-1])], "label": owner[::-1]})
    described = np.repeat(np.arange(len(owner), dtype=np.float32)[:, None, None], 3, axis=1)

    class Numbers:
        """In place of shards: a sample is its own position."""

        def gather(self, shard: np.ndarray, start: np.ndarray, samples: int) -> np.ndarray:
            return start[:, None] + np.arange(samples)

    audio: Any = Numbers()
    for voices in (mixtures(described), crops(clips, audio, 5)):

        def draw(rank: int, of: int, voices=voices) -> tuple[np.ndarray, ...]:
            order = IdentityOrder(people, share * world, seed, rank, of)
            return PairBatches(
                order, owner, FacesOfClips(clips, faces, video=True), voices, lambda rows: rows
            )(step)

        heard, seen, labels = draw(0, 1)
        parts = [draw(rank, world) for rank in range(world)]
        assert all((part[2] == labels).all() for part in parts)
        assert (owner[::-1][seen] == labels).all()
        for k, whole in enumerate((heard, seen)):
            np.testing.assert_array_equal(
                np.stack([part[k] for part in parts], axis=1).reshape(whole.shape).astype(np.int64),
                whole.astype(np.int64),
            )


@pytest.mark.torchrun
def test_two_ranks_train_as_one_does(corpus, tmp_path: Path) -> None:
    """Negatives come from the whole batch, and what one rank's loss says of another rank's faces reaches
    them."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        pins_two_ranks.__file__,
        corpus.folder,
        tmp_path,
    ]
    environment = {**os.environ, "DEEPFACEGEN_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    two = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert two[0] == two[1]
    one = pins_two_ranks.rows(corpus.folder, tmp_path / "one")
    assert len(one) == 20
    assert one[0]["push"] > 0.1
    for a, b in zip(one, two[0], strict=True):
        assert b == pytest.approx(a, rel=1e-3)


def test_directions_are_those_in_which_people_differ_half_whitened() -> None:
    """Three people differ along two axes, and each of them along a third, which no direction follows."""
    people = np.array(
        [[-2.0, 1.0, 0.0], [0.0, -2.0, 0.0], [2.0, 1.0, 0.0]]
    )  # singular values: roots of 8 and of 6
    noise = np.random.default_rng(0).normal(size=(3, 25, 1)) * np.array([0.0, 0.0, 9.0])
    found = (people[:, None] + np.concatenate([noise, -noise], axis=1)).reshape(-1, 3)
    mean, matrix = directions(found, np.repeat([0, 1, 2], 50), 40)
    assert matrix.shape == (3, 2)
    np.testing.assert_allclose(mean, 0.0, atol=1e-9)
    np.testing.assert_allclose(matrix[2], 0.0, atol=1e-9)
    assert abs(matrix[0, 0] / matrix[1, 1]) == pytest.approx((6 / 8) ** 0.25)
    assert np.sqrt(np.mean((found @ matrix) ** 2)) == pytest.approx(1.0)
    assert directions(found, np.repeat([0, 1, 2], 50), 1)[1].shape == (3, 1)


def test_the_threshold_errs_equally_often_both_ways() -> None:
    scores = np.array([[0.9, 0.4, 0.1], [0.3, 0.8, 0.5], [0.2, 0.6, 0.45]])
    same = np.eye(3, dtype=bool)
    # At 0.5 one of three pairs is missed (0.45), and two of six others reach it: a third of either.
    assert equal_error_score(scores, same) == 0.5


def test_what_is_missing_is_told(corpus, encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="voice encoder"):
        train(corpus, None, None, tmp_path)
    with pytest.raises(ValueError, match="face network"):
        train(corpus, encoder, None, tmp_path)
    lonely = Manifest(
        *(
            t[t["identity_id"] == "id0"]
            for t in (corpus.manifest.identities, corpus.manifest.clips, corpus.manifest.faces)
        )
    )
    with pytest.raises(UserError, match="fewer than two"):
        pins.train(CONFIG, lonely, corpus.audio, corpus.photos, encoder, None, Resume("t", {}, [], tmp_path))
    with pytest.raises(UserError, match="no trained model"):
        pins.load(tmp_path, CPU)
    with pytest.raises(ConfigError, match="tau_first"):
        PinsConfig(tau_first=0.9)
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(UserError, match="choose a multiple of 4"):
        train(corpus, encoder, None, tmp_path)
