"""SVHF-Net on the tiny corpus: it learns to choose, resumes byte for byte, scores pairs by themselves, and
says what is missing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.config.baselines import SvhfConfig
from deepfacegen.config.fields import ConfigError
from deepfacegen.data.batches import ByLabel, Manifest
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.face_networks import FaceNet
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.errors import TooFewPeopleError, UserError
from deepfacegen.systems.svhf import train as svhf
from deepfacegen.systems.svhf.batches import Chance, Steps, Stills, elsewhere
from deepfacegen.systems.svhf.losses import list_loss, lists
from deepfacegen.systems.svhf.match import MOVING, STILL, Svhf
from deepfacegen.systems.svhf.networks import Matcher
from deepfacegen.training import store
from deepfacegen.training.resume import Resume

CPU = torch.device("cpu")
CONFIG = SvhfConfig(
    image_size_px=32,
    channels=4,
    max_channels=8,
    dim=8,
    hidden=16,
    steps=30,
    batch=6,
    ways=2,
    checkpoint_every=25,
)
PEOPLE = [f"id{i}" for i in range(6)]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return speaker.VoiceEncoder(VoiceModel("ecapa", dim=16, channels=16).eval(), CPU)


@pytest.fixture(scope="module")
def recogniser():
    torch.manual_seed(0)
    return face.FaceEncoder(FaceNet(dim=8, channels=4).eval(), CPU)


def train(
    corpus,
    encoder,
    root: Path,
    config: SvhfConfig = CONFIG,
    recogniser=None,
    after=None,
    manifest: Manifest | None = None,
):
    found = manifest or corpus.manifest
    return svhf.train(
        config,
        found,
        corpus.audio,
        corpus.photos,
        encoder,
        recogniser,
        Resume("s", {}, [], root),
        None,
        after,
    )


def system(config: SvhfConfig, trained: svhf.Trained, encoder, recogniser=None) -> Svhf:
    return Svhf(svhf.to_dict(config), trained.networks, encoder, recogniser, CPU)


def recordings(corpus, table: pd.DataFrame) -> list[np.ndarray]:
    return corpus.audio.clips(table)


def pictures(corpus, table: pd.DataFrame) -> np.ndarray:
    return corpus.photos.rows(table)


def with_tracks(manifest: Manifest, people: int = 10) -> Manifest:
    """The three photos of each of the first so many people as a track of three frames."""
    number = manifest.faces["identity_id"].str[2:].astype(int)
    ids = [
        f"n{i}/v{i}/1#{k % 3:04d}" if i < people else photo
        for k, (i, photo) in enumerate(zip(number, manifest.faces["photo_id"], strict=True))
    ]
    return Manifest(manifest.identities, manifest.clips, manifest.faces.assign(photo_id=ids))


@pytest.fixture(scope="module")
def learnt(corpus, encoder, tmp_path_factory: pytest.TempPathFactory) -> svhf.Trained:
    config = replace(CONFIG, steps=200, lr=5e-3, last_lr=1e-4, dropout=0.0, noise=0.1)
    return train(corpus, encoder, tmp_path_factory.mktemp("learnt"), config)


def test_it_learns_to_choose_between_two(corpus, encoder, learnt) -> None:
    rows = learnt.statistics.rows
    assert rows[-1]["loss"] < 0.35 < rows[0]["loss"] < 2 * math.log(2)
    assert rows[-1]["accuracy"] > 0.85
    people = corpus.manifest.split("train")
    scores = system(CONFIG, learnt, encoder).score(
        recordings(corpus, people.clips), pictures(corpus, people.faces)
    )
    own = people.clips["label"].to_numpy()[:, None] == people.faces["label"].to_numpy()[None, :]
    for table, same in ((scores, own), (scores.T, own.T)):  # voice to face, and face to voice
        right = [
            (row[mine][:, None] > row[~mine][None, :]).mean() for row, mine in zip(table, same, strict=True)
        ]
        assert np.mean(right) > 0.9


@pytest.mark.parametrize("kind", ["own", "network", "dynamic"])
def test_a_killed_run_ends_with_the_same_bytes(
    corpus, encoder, recogniser, tmp_path: Path, kind: str
) -> None:
    config = replace(
        CONFIG,
        face="network" if kind == "network" else "own",
        dynamic=kind == "dynamic",
        frames=3,
        steps=3,
        checkpoint_every=2,
    )
    manifest = with_tracks(corpus.manifest)

    def kill(step: int) -> None:
        if step == 2:
            raise KeyboardInterrupt

    whole = train(corpus, encoder, tmp_path / "whole", config, recogniser, manifest=manifest)
    with pytest.raises(KeyboardInterrupt):
        train(corpus, encoder, tmp_path / "killed", config, recogniser, kill, manifest)
    resumed = train(corpus, encoder, tmp_path / "killed", config, recogniser, manifest=manifest)
    assert resumed.effort.resumed_at == 2
    assert set(whole.networks) == ({STILL, MOVING} if kind == "dynamic" else {STILL})
    for name, network in whole.networks.items():
        again = resumed.networks[name].state_dict().values()
        assert all(torch.equal(x, y) for x, y in zip(network.state_dict().values(), again, strict=True))
    assert whole.statistics.rows == resumed.statistics.rows


def test_scores_survive_disk_and_do_not_depend_on_who_else_is_there(
    corpus, encoder, learnt, tmp_path: Path
) -> None:
    people = corpus.manifest.split("test")
    voices, faces = recordings(corpus, people.clips), pictures(corpus, people.faces)
    before = system(CONFIG, learnt, encoder).score(voices, faces)
    assert before.shape == (6, 6)
    assert before.dtype == np.float32
    svhf.save(tmp_path / "svhf", CONFIG, learnt, PEOPLE[::-1])
    with pytest.raises(UserError, match="no trained model"):
        svhf.load(tmp_path, CPU)
    network = {"architecture": "ecapa", "normalisation": "level", "dim": 16, "channels": 16}
    store.save(tmp_path / "voice", {"network": network}, encoder=encoder.model.encoder)
    loaded = svhf.load(tmp_path, CPU)
    np.testing.assert_allclose(loaded.score(voices, faces), before, atol=1e-5)
    np.testing.assert_allclose(loaded.score(voices[2:4], faces[1:2]), before[2:4, 1:2], atol=1e-4)
    told = store.read_config(tmp_path / "svhf")
    assert told["trained_on"] == PEOPLE
    assert told["trained_with"] == told["chosen_on"] == []
    (tmp_path / "svhf" / "still.safetensors").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"still\.safetensors"):
        svhf.load(tmp_path, CPU)


def test_a_matrix_scored_in_blocks_is_the_whole_one(
    corpus, encoder, learnt, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = corpus.manifest.split("train")
    voices, faces = recordings(corpus, people.clips), pictures(corpus, people.faces)
    whole = system(CONFIG, learnt, encoder).score(voices, faces)
    monkeypatch.setattr("deepfacegen.systems.svhf.match.CELLS", 16 * 25)  # blocks of 5 x 5 pairs
    np.testing.assert_allclose(system(CONFIG, learnt, encoder).score(voices, faces), whole, atol=1e-5)


def test_choices_are_probabilities_in_context(corpus, encoder, learnt) -> None:
    people = corpus.manifest.split("train")
    voices, faces = recordings(corpus, people.clips), pictures(corpus, people.faces)
    answering = system(CONFIG, learnt, encoder)
    three = answering.choose(voices[0], faces[[0, 6, 12]])
    assert three.dtype == np.float32
    assert three.sum() == pytest.approx(1.0, abs=1e-5)
    assert three.argmax() == 0
    np.testing.assert_allclose(answering.choose(voices[0], faces[[12, 0, 6]]), three[[2, 0, 1]], atol=1e-5)
    two = answering.choose(voices[0], faces[[0, 6]])
    assert two[0] / two[1] != pytest.approx(
        three[0] / three[1], rel=1e-3
    )  # the third one is part of the context
    heard = answering.choose_voice(faces[0], [voices[k] for k in (6, 0, 12)])
    assert heard.sum() == pytest.approx(1.0, abs=1e-5)
    assert heard.argmax() == 1


def test_a_face_and_its_mirror_image_score_alike(corpus, encoder, learnt) -> None:
    people = corpus.manifest.split("train")
    voices, faces = recordings(corpus, people.clips)[:3], pictures(corpus, people.faces)
    answering = system(CONFIG, learnt, encoder)
    np.testing.assert_allclose(
        answering.score(voices, faces[:, :, ::-1].copy()), answering.score(voices, faces), atol=1e-4
    )


def test_tracks_are_scored_by_frame_and_movement(corpus, encoder, tmp_path: Path) -> None:
    config = replace(CONFIG, dynamic=True, frames=3)
    trained = train(corpus, encoder, tmp_path, config, manifest=with_tracks(corpus.manifest, people=4))
    assert "moving/loss" in trained.statistics.rows[-1]
    svhf.save(tmp_path / "svhf", config, trained, PEOPLE)
    network = {"architecture": "ecapa", "normalisation": "level", "dim": 16, "channels": 16}
    store.save(tmp_path / "voice", {"network": network}, encoder=encoder.model.encoder)
    loaded = svhf.load(tmp_path, CPU)
    people = corpus.manifest.split("train")
    voices, faces = recordings(corpus, people.clips)[:4], pictures(corpus, people.faces)
    fused = loaded.score_tracks(voices, [faces[:3], faces[3:4], faces[6:9]])
    plain = loaded.score(voices, faces[[1, 3, 7]])  # middle frames
    np.testing.assert_allclose(fused[:, 1], plain[:, 1], atol=1e-5)  # one frame: nothing moves
    only_moving = Svhf(svhf.to_dict(config), {STILL: trained.networks[MOVING]}, encoder, None, CPU)
    moving = only_moving.score(voices, np.stack([svhf_dynamic(faces[:3]), svhf_dynamic(faces[6:9])]))
    np.testing.assert_allclose(fused[:, [0, 2]], (plain[:, [0, 2]] + moving) / 2, atol=1e-4)
    without = Svhf(svhf.to_dict(CONFIG), {STILL: trained.networks[STILL]}, encoder, None, CPU)
    np.testing.assert_allclose(without.score_tracks(voices, [faces[:3]]), plain[:, :1], atol=1e-5)


def svhf_dynamic(track: np.ndarray) -> np.ndarray:
    """Rank pooling of three frames: alpha = 2 (3 - t + 1) - 4 (H_3 - H_{t-1}) = -4/3, 2/3, 2/3."""
    pooled = np.tensordot(np.array([-4 / 3, 2 / 3, 2 / 3]), track.astype(np.float64), axes=1)
    return np.rint((pooled - pooled.min()) / (pooled.max() - pooled.min()) * 255).astype(np.uint8)


def test_a_face_network_takes_the_place_of_the_face_stream(
    corpus, encoder, recogniser, tmp_path: Path
) -> None:
    config = replace(CONFIG, face="network")
    trained = train(corpus, encoder, tmp_path, config, recogniser)
    people = corpus.manifest.split("test")
    answering = system(config, trained, encoder, recogniser)
    assert answering.score(recordings(corpus, people.clips), pictures(corpus, people.faces)).shape == (6, 6)
    assert (
        sum(p.numel() for p in trained.networks[STILL].face.parameters()) == 2 * 8 + 8 * 8 + 2 * 8
    )  # a layer between two norms
    with pytest.raises(UserError, match="there is no face network"):
        train(corpus, encoder, tmp_path, config)


def test_judges_that_took_part_are_told(
    corpus, encoder, recogniser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, face="network", steps=1)
    monkeypatch.setattr(recogniser, "trained_with", ["dlib"])
    svhf.save(tmp_path / "svhf", config, train(corpus, encoder, tmp_path, config, recogniser), PEOPLE)
    assert store.read_config(tmp_path / "svhf")["trained_with"] == ["dlib"]


def test_missing_parts_and_people_are_told(corpus, encoder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"svhf\.size is small, but there is no voice encoder"):
        train(corpus, None, tmp_path)
    with pytest.raises(
        TooFewPeopleError, match=r"only 1 training people have a face track .*data\.faces_from: both"
    ):
        train(
            corpus,
            encoder,
            tmp_path,
            replace(CONFIG, dynamic=True),
            manifest=with_tracks(corpus.manifest, people=1),
        )
    with pytest.raises(ConfigError, match=r"svhf\.image_size_px must be a power of two"):
        SvhfConfig(image_size_px=48)


def test_lists_have_no_more_candidates_than_there_are_people(
    corpus, encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six training people: lists of twelve become lists of six, and a batch of 13 holds two of them."""
    seen, loss = [], svhf.list_loss

    def noted(network, voices, faces, labels, ways, weight):
        seen.append((len(labels), ways))
        return loss(network, voices, faces, labels, ways, weight)

    monkeypatch.setattr(svhf, "list_loss", noted)
    train(corpus, encoder, tmp_path, replace(CONFIG, batch=13, ways=12, steps=1))
    assert seen == [(12, 6)]


def test_a_batch_whose_lists_ranks_cannot_share_is_refused(
    corpus, encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="batch of 6 cannot be shared by 2 processes: choose a multiple of 4"):
        train(corpus, encoder, tmp_path)


@given(st.sampled_from([2, 3, 4]), st.integers(1, 4), st.sampled_from([1, 2, 3]))
def test_ranks_make_the_lists_that_one_process_makes(ways: int, share: int, world: int) -> None:
    items = torch.arange(ways * share * world)
    whole = {tuple(row) for row in lists(items, ways).tolist()}
    parts = [tuple(row) for rank in range(world) for row in lists(items[rank::world], ways).tolist()]
    assert set(parts) == whole
    assert len(parts) == share * world


def test_the_loss_of_lists_is_the_cross_entropy_of_each_choice() -> None:
    torch.manual_seed(0)
    network = Matcher(torch.nn.Identity(), torch.nn.Identity(), 3, (4, 4))
    network.voice_reference.normal_()
    network.face_reference.normal_()
    v, f = torch.randn(6, 3), torch.randn(6, 3)
    labels = torch.tensor([0, 1, 2, 3, 4, 0])  # list 0: people 0, 2, 4; list 1: people 1, 3, 0
    loss, right = list_loss(network, v, f, labels, ways=3, reference_weight=2.0)
    expected, hits = [], []
    for chosen in ([0, 2, 4], [1, 3, 5]):
        for logits, weight in (
            (network.which_face(v[chosen], f[chosen]), 1),
            (network.which_voice(v[chosen], f[chosen]).T, 1),
            (network.pairs(v[chosen], f[chosen]), 2),
            (network.pairs(v[chosen], f[chosen]).T, 2),
        ):
            for i in range(3):
                expected.append(weight * -logits[i].detach().log_softmax(dim=0)[i].item())
                hits.append(weight * float(logits[i].argmax() == i))
    assert float(loss) == pytest.approx(sum(expected) / (6 * 6), rel=1e-5)
    assert float(right) == pytest.approx(sum(hits) / (6 * 6), rel=1e-5)


def test_a_person_who_is_twice_in_a_list_does_not_compete_with_himself() -> None:
    torch.manual_seed(0)
    network = Matcher(torch.nn.Identity(), torch.nn.Identity(), 3, (4, 4))
    v, f = torch.randn(2, 3), torch.randn(2, 3)
    loss, right = list_loss(network, v, f, torch.tensor([5, 5]), ways=2, reference_weight=1.0)
    assert (float(loss), float(right)) == (0.0, 1.0)


def test_only_training_people_and_their_own_clips_and_faces_are_drawn(corpus) -> None:
    people = corpus.manifest.split("train")
    described = np.arange(len(people.clips), dtype=np.float32)[:, None, None].repeat(2, axis=1)
    steps = Steps(
        replace(CONFIG, batch=6), people.clips, corpus.audio, Stills(people.faces, corpus.photos), described
    )
    for i in range(20):
        found = steps(i)
        assert sorted(found.labels) == [0, 1, 2, 3, 4, 5]
        rows = np.rint(found.voices[:, 0]).astype(int)  # a mixture of two equal windows is the window
        assert (people.clips["label"].to_numpy()[rows] == found.labels).all()
        assert (np.abs(found.faces[:, 0, 0, 0].astype(int) - 20 * found.labels) < 40).all()


def test_published_streams_hear_three_seconds_of_speech(corpus) -> None:
    people = corpus.manifest.split("train")
    found = Steps(CONFIG, people.clips, corpus.audio, Stills(people.faces, corpus.photos), None)(0)
    assert found.voices.shape == (6, 48_000)
    assert found.voices.dtype == np.int16


@given(st.integers(0, 50))
def test_faces_come_from_another_video_than_the_voice_if_there_is_one(seed: int) -> None:
    video = np.array([0, 1, 2, 3, 3, 3])
    rows = ByLabel(np.array([0, 0, 0, 1, 1, 1]))
    drawn = elsewhere(
        rows, np.array([0, 0, 1] * 20), video, np.array([0, 1, 3] * 20), np.random.default_rng(seed)
    )
    same = (video[drawn] == np.array([0, 1, 3] * 20)).reshape(20, 3)
    assert same[:, 2].all()  # the second person has no other video
    assert same[:, :2].mean() < 0.15  # one in 3 at first, and (1 / 3) ** 5 at last


def test_chance_is_that_of_the_whole_batch() -> None:
    whole = Chance(CONFIG, 7, slice(None), CPU)
    parts = [Chance(CONFIG, 7, slice(rank, None, 2), CPU) for rank in range(2)]
    for draw, columns in (("uniform", 10), ("normal", 5), ("uniform", 3)):
        one, *two = [getattr(drawn, draw)(columns) for drawn in (whole, *parts)]
        assert torch.equal(torch.stack(two, dim=1).flatten(0, 1), one)
