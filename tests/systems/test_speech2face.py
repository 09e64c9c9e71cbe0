"""Speech2Face on the tiny corpus: two parts one after the other, resuming byte for byte, training people
only, and a system that draws and scores."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from deepfacegen.config.baselines import Speech2FaceConfig
from deepfacegen.config.schema import to_dict
from deepfacegen.data.batches import IdentityOrder
from deepfacegen.data.shards import FaceShards
from deepfacegen.encoders import face
from deepfacegen.encoders import speaker as voice
from deepfacegen.encoders.face_networks import FaceNet
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import FaceGenerator, HasFaceFeatures, VoiceFaceMatcher
from deepfacegen.systems.speech2face import fits as speech2face_fits
from deepfacegen.systems.speech2face import train as speech2face
from deepfacegen.systems.speech2face.face_decoder import FaceDecoder
from deepfacegen.systems.speech2face.networks import VoiceNet, complex_spectrogram
from deepfacegen.training import store
from deepfacegen.training.resume import Resume
from tests.shared.priors import TINY, tiny_prior

CPU = torch.device("cpu")
CONFIG = Speech2FaceConfig(batch=6, recogniser_steps=30, steps=30, checkpoint_every=25)
HEARD = replace(CONFIG, voice="spectrogram", clip_seconds=2.7, batch=2, recogniser_steps=4, steps=30)
FACE_NETWORK = {"architecture": "small", "dim": 8, "channels": 4}
VOICE_NETWORK = {"architecture": "ecapa", "normalisation": "level", "dim": 16, "channels": 16}


@pytest.fixture(scope="module")
def encoder() -> voice.VoiceEncoder:
    torch.manual_seed(0)
    return voice.VoiceEncoder(VoiceModel("ecapa", dim=16, channels=16).eval(), CPU)


@pytest.fixture(scope="module")
def recogniser() -> face.FaceEncoder:
    torch.manual_seed(0)
    return face.FaceEncoder(FaceNet(8, 4), CPU)


def train(
    corpus, recogniser, encoder, root: Path, config: Speech2FaceConfig = CONFIG, after=None
) -> speech2face.Trained:
    return speech2face.train(
        config,
        corpus.manifest,
        corpus.audio,
        corpus.photos,
        recogniser,
        encoder,
        tiny_prior(),
        Resume("t", {}, [], root),
        None,
        after,
    )


def system(
    trained: speech2face.Trained, recogniser, encoder, config: Speech2FaceConfig = CONFIG
) -> speech2face.Speech2Face:
    return speech2face.Speech2Face(
        recogniser, encoder, trained.voice_net, trained.decoder, to_dict(config), CPU
    )


@pytest.fixture(scope="module")
def trained(corpus, recogniser, encoder, tmp_path_factory) -> speech2face.Trained:
    return train(
        corpus,
        recogniser,
        encoder,
        tmp_path_factory.mktemp("s2f"),
        replace(CONFIG, recogniser_steps=150, steps=75),
    )


def of_split(corpus, split: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Voices, faces, and whose each is."""
    part = corpus.manifest.split(split)
    voices = corpus.audio.clips(part.clips)
    faces = corpus.photos.rows(part.faces)
    return voices, faces, part.clips["identity_id"].to_numpy(), part.faces["identity_id"].to_numpy()


@pytest.mark.parametrize("config", [CONFIG, HEARD], ids=["encoder", "spectrogram"])
def test_a_killed_run_ends_with_the_same_bytes(
    corpus, recogniser, encoder, tmp_path: Path, config: Speech2FaceConfig
) -> None:
    config = replace(config, recogniser_steps=2, steps=2, checkpoint_every=3)

    def kill(step: int) -> None:
        if step == 3:
            raise KeyboardInterrupt

    whole = train(corpus, recogniser, encoder, tmp_path / "whole", config)
    with pytest.raises(KeyboardInterrupt):
        train(corpus, recogniser, encoder, tmp_path / "killed", config, kill)
    resumed = train(corpus, recogniser, encoder, tmp_path / "killed", config)
    assert resumed.effort.resumed_at == 3
    for part in ("voice_net", "decoder", "classifier"):
        both = (getattr(run, part).state_dict() for run in (whole, resumed))
        assert all(torch.equal(x, y) for x, y in zip(*(state.values() for state in both), strict=True))
    assert whole.statistics.rows == resumed.statistics.rows


def test_the_decoder_and_the_last_layer_stay_as_they_are_while_the_voice_is_learnt(
    corpus, recogniser, encoder, tmp_path: Path
) -> None:
    short = train(
        corpus, recogniser, encoder, tmp_path / "short", replace(CONFIG, recogniser_steps=3, steps=1)
    )
    long = train(corpus, recogniser, encoder, tmp_path / "long", replace(CONFIG, recogniser_steps=3, steps=5))
    for part in ("decoder", "classifier"):
        both = (getattr(run, part).state_dict() for run in (short, long))
        assert all(torch.equal(x, y) for x, y in zip(*(state.values() for state in both), strict=True))
    assert any(
        not torch.equal(x, y)
        for x, y in zip(short.voice_net.parameters(), long.voice_net.parameters(), strict=True)
    )


def test_the_recognisers_last_layer_learns_then_the_voice(trained: speech2face.Trained) -> None:
    rows = trained.statistics.rows
    begin, end = rows[0], [row for row in rows if "recogniser/loss" in row][-1]
    assert end["recogniser/loss"] < 0.5 * begin["recogniser/loss"]
    assert "hearing/distillation" not in begin
    assert "recogniser/loss" not in rows[-1]


def test_photos_are_decoded_to_what_their_latents_are_on_average(
    corpus, trained: speech2face.Trained, recogniser, encoder
) -> None:
    """Of the tiny corpus, where a feature says who it is, so next to the photo's own reconstruction."""
    rows, prior = corpus.manifest.split("train").faces, tiny_prior()
    made = system(trained, recogniser, encoder)
    latents = trained.decoder.first_layer(torch.from_numpy(made.face_features(corpus.photos.rows(rows))))
    true = prior.latents(rows, corpus.photos)
    assert (latents - true).square().mean() < 0.3 * true.var(dim=0).mean()
    torch.testing.assert_close(trained.decoder.synthesis(trained.decoder.flow(true)), prior.faces(true))


def test_a_network_on_spectrograms_learns_from_the_paper_s_losses(corpus, recogniser, tmp_path: Path) -> None:
    rows = train(
        corpus, recogniser, None, tmp_path, replace(HEARD, batch=6, recogniser_steps=25, steps=50, lr=3e-3)
    ).statistics.rows
    heard = [row["hearing/distillation"] for row in rows if "hearing/distillation" in row]
    assert heard[-1] < heard[0]
    assert rows[-1]["hearing/first_layer"] < rows[1]["hearing/first_layer"]


def test_own_faces_score_higher_than_others(
    corpus, trained: speech2face.Trained, recogniser, encoder
) -> None:
    voices, faces, speaker, shown = of_split(corpus, "train")
    scores = system(trained, recogniser, encoder).score(voices, faces)
    assert scores.shape == (18, 18)
    assert scores.dtype == np.float32
    same = speaker[:, None] == shown[None, :]
    right = [np.mean(row[own][:, None] > row[~own][None, :]) for row, own in zip(scores, same, strict=True)]
    assert np.mean(right) > 0.75


def test_scores_are_cosines_of_predicted_and_true_features(
    corpus, trained: speech2face.Trained, recogniser, encoder
) -> None:
    voices, faces, _, _ = of_split(corpus, "test")
    made = system(trained, recogniser, encoder)
    heard, seen = made.voice_features(voices).astype(float), made.face_features(faces).astype(float)
    expected = (
        (heard @ seen.T) / np.linalg.norm(heard, axis=1)[:, None] / np.linalg.norm(seen, axis=1)[None, :]
    )
    np.testing.assert_allclose(made.score(voices, faces), expected, atol=1e-4)
    pixels = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1
    np.testing.assert_allclose(seen, recogniser.network(pixels)[1].numpy(), rtol=1e-3, atol=1e-4)
    large = faces.repeat(2, axis=1).repeat(2, axis=2)  # stored larger than the network looks at them
    np.testing.assert_allclose(made.face_features(large), seen, rtol=1e-3, atol=1e-4)


def test_all_draws_of_a_voice_are_one_face_whatever_the_seed_and_the_batch(
    corpus, trained: speech2face.Trained, recogniser, encoder
) -> None:
    voices, _, _, _ = of_split(corpus, "train")
    made = system(trained, recogniser, encoder)
    drawn = made.generate(voices, n=3, seed=1)
    assert drawn.shape == (18, 3, TINY.image_size_px, TINY.image_size_px, 3)
    assert drawn.dtype == np.uint8
    assert (drawn == drawn[:, :1]).all()
    assert (made.generate(voices, n=3, seed=2) == drawn).all()
    assert (
        np.abs(made.generate(voices[2:3], n=1, seed=1)[0].astype(int) - drawn[2, :1].astype(int)).max() <= 1
    )
    assert (drawn[0, 0] != drawn[-1, 0]).any()
    for kind in (FaceGenerator, VoiceFaceMatcher, HasFaceFeatures):
        assert isinstance(made, kind)


def test_only_training_people_are_ever_heard_or_seen(corpus, recogniser, encoder, tmp_path: Path) -> None:
    read: list[int] = []

    class Watched(FaceShards):
        """Photos that note which are read."""

        def gather(self, shards: np.ndarray, rows: np.ndarray) -> np.ndarray:
            read.extend(np.asarray(rows).tolist())
            return super().gather(shards, rows)

    photos = Watched(corpus.folder / "faces")
    resume = Resume("t", {}, [], tmp_path)
    config = replace(CONFIG, recogniser_steps=2, steps=2)
    speech2face.train(
        config, corpus.manifest, corpus.audio, photos, recogniser, encoder, tiny_prior(), resume
    )
    assert set(read) == set(corpus.manifest.split("train").faces["row"])
    order = IdentityOrder(6, 6, seed=1)
    clips = corpus.manifest.split("train").clips
    rows = np.eye(len(clips), dtype=np.float32)[:, None, :].repeat(
        2, axis=1
    )  # of each clip, two equal windows that say which it is
    heard = speech2face_fits.Mixtures(
        order,
        np.concatenate([rows, np.zeros((len(clips), 2, 1), dtype=np.float32)], axis=2),
        clips["label"].to_numpy(),
    )
    for step in range(10):
        described, labels = heard(step)
        assert sorted(labels) == [0, 1, 2, 3, 4, 5]
        assert (clips["label"].to_numpy()[described.argmax(axis=1)] == labels).all()


def test_short_recordings_are_looped_and_long_ones_heard_in_even_clips(recogniser) -> None:
    torch.manual_seed(0)
    hearing = VoiceNet(recogniser.width, "small").eval()
    decoder = FaceDecoder(recogniser.width, TINY)
    made = speech2face.Speech2Face(recogniser, None, hearing, decoder, to_dict(HEARD), CPU)
    rng = np.random.default_rng(0)
    samples = int(2.7 * 16_000)
    short, long = (rng.integers(-3000, 3000, n).astype(np.int16) for n in (10_000, samples + 9000))
    found = made.predict([short, long])

    def hear(cut: np.ndarray) -> torch.Tensor:
        return hearing(complex_spectrogram(torch.from_numpy(cut)[None]))[0]

    torch.testing.assert_close(found[0], hear(np.tile(short, 5)[:samples]), rtol=1e-3, atol=1e-4)
    even = torch.stack([hear(long[start : start + samples]) for start in (0, 3000, 6000, 9000)]).mean(dim=0)
    torch.testing.assert_close(found[1], even, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("heard_as", ["encoder", "spectrogram"])
def test_what_is_saved_is_loaded_and_does_the_same(
    corpus, recogniser, encoder, tmp_path: Path, heard_as: str
) -> None:
    config = replace(CONFIG if heard_as == "encoder" else HEARD, recogniser_steps=4, steps=4)
    run = train(corpus, recogniser, encoder, tmp_path / "run", config)
    speech2face.save(tmp_path / "speech2face", config, run, ["id2", "id1"])
    told = json.loads((tmp_path / "speech2face/config.json").read_text())
    assert (told["trained_on"], told["trained_with"], told["chosen_on"]) == (["id1", "id2"], [], [])
    with pytest.raises(UserError, match="no trained model"):
        speech2face.load(tmp_path, CPU)
    store.save(tmp_path / "face", {"network": FACE_NETWORK}, network=recogniser.network)
    if heard_as == "encoder":
        store.save(tmp_path / "voice", {"network": VOICE_NETWORK}, encoder=encoder.model.encoder)
    loaded = speech2face.load(tmp_path, CPU)
    made = system(run, recogniser, encoder if heard_as == "encoder" else None, config)
    voices, faces, _, _ = of_split(corpus, "test")
    np.testing.assert_array_equal(loaded.score(voices, faces), made.score(voices, faces))
    np.testing.assert_array_equal(loaded.generate(voices, 1, 0), made.generate(voices, 1, 0))
    (tmp_path / "speech2face/decoder.safetensors").unlink()
    with pytest.raises(UserError, match=r"decoder\.safetensors"):
        speech2face.load(tmp_path, CPU)


def test_a_judge_behind_the_face_network_is_told(corpus, encoder, tmp_path: Path) -> None:
    torch.manual_seed(0)
    judge = face.FaceEncoder(FaceNet(8, 4), CPU)
    judge.trained_with = ["dlib"]
    config = replace(CONFIG, recogniser_steps=1, steps=1)
    run = train(corpus, judge, encoder, tmp_path / "run", config)
    speech2face.save(tmp_path / "speech2face", config, run, [])
    assert json.loads((tmp_path / "speech2face/config.json").read_text())["trained_with"] == ["dlib"]


def test_a_described_voice_needs_a_voice_encoder(corpus, recogniser, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run the stage pretrain, or choose spectrogram"):
        train(corpus, recogniser, None, tmp_path)


def test_the_three_losses_are_added_with_the_paper_s_weights(recogniser) -> None:
    torch.manual_seed(0)
    decoder, classifier = FaceDecoder(recogniser.width, TINY), torch.nn.Linear(recogniser.width, 5)
    predicted, true = torch.randn(3, recogniser.width), torch.randn(3, recogniser.width)
    loss, told = speech2face_fits.voice_loss(Speech2FaceConfig(), decoder, classifier, predicted, true)
    first = (
        sum(
            (decoder.first_layer(p) - decoder.first_layer(t)).abs().sum()
            for p, t in zip(predicted.split(1), true.split(1), strict=True)
        )
        / 3
    )
    direction = (2 - 2 * F.cosine_similarity(predicted, true)).mean()
    answers: list[Any] = [
        (classifier((x - decoder.centre) / decoder.scale) / 2).softmax(dim=1) for x in (predicted, true)
    ]
    distilled = -(answers[1] * answers[0].log()).sum(dim=1).mean()
    torch.testing.assert_close(loss, first + 0.025 * direction + 200 * distilled, rtol=1e-4, atol=1e-4)
    assert set(told) == {"hearing/first_layer", "hearing/direction", "hearing/distillation"}
