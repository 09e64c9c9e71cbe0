"""The voice encoder learns to tell the tiny corpus's people apart, keeps to training people, and survives
disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from deepfacegen.config.schema import PretrainConfig
from deepfacegen.data.shards import batched
from deepfacegen.encoders import speaker
from deepfacegen.errors import UserError
from deepfacegen.evaluation.metrics.speaker_verification import speaker_verification
from deepfacegen.training.resume import Resume

CONFIG = PretrainConfig(
    channels=32, embedding_dim=16, steps=60, batch=8, crop_seconds=1.0, lr=3e-3, checkpoint_every=20
)


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    model, curves, _ = speaker.pretrain(
        CONFIG, corpus.manifest, corpus.audio, Resume("v", {}, [], tmp_path_factory.mktemp("r"))
    )
    return model, curves


def test_it_learns_its_people_and_hears_others_too(corpus, trained) -> None:
    model, curves = trained
    assert curves.rows[-1]["accuracy"] > 0.9 > curves.rows[0]["accuracy"]
    encoder = speaker.VoiceEncoder(model, torch.device("cpu"))
    clips = corpus.manifest.split("test").clips
    found = speaker_verification(
        speaker.pool(encoder.embed_windows(clips, corpus.audio))[:, :16].numpy(),
        clips["identity_id"].to_numpy(),
    )
    assert found["auc"] > 0.9


def test_saved_and_loaded_it_embeds_alike(corpus, trained, tmp_path: Path) -> None:
    model, _ = trained
    speaker.save(tmp_path, CONFIG, model, ["id1", "id0"])
    encoder = speaker.load(tmp_path, torch.device("cpu"))
    clips = corpus.manifest.clips
    table = speaker.pool(torch.cat([encoder.embed_windows(part, corpus.audio) for part in batched(clips, 7)]))
    rows = clips[["shard", "offset_samples", "length_samples"]].to_numpy()
    waves = [corpus.audio.read(*map(int, row)) for row in rows]
    torch.testing.assert_close(encoder.embed(waves), table, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        speaker.VoiceEncoder(model, torch.device("cpu")).embed(waves), table, atol=1e-5, rtol=1e-4
    )


def test_a_description_for_others_is_the_unit_embedding(corpus, trained) -> None:
    encoder = speaker.VoiceEncoder(trained[0], torch.device("cpu"))
    waves = [
        corpus.audio.read(*map(int, row))
        for row in corpus.manifest.clips[["shard", "offset_samples", "length_samples"]].to_numpy()[:4]
    ]
    described = encoder.speaker_embeddings(waves)
    assert described.shape == (4, encoder.speaker_dim)
    np.testing.assert_allclose(np.linalg.norm(described, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(described, encoder.embed(waves)[:, :-1], atol=1e-5)


def test_very_short_recordings_are_embedded(trained) -> None:
    encoder = speaker.VoiceEncoder(trained[0], torch.device("cpu"))
    embedding = encoder.embed([np.ones(50, dtype=np.int16), np.zeros(16_000, dtype=np.int16)])
    assert torch.isfinite(embedding).all()


def test_a_missing_or_damaged_model_is_told_by_name(trained, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained model"):
        speaker.load(tmp_path / "none", torch.device("cpu"))
    speaker.save(tmp_path, CONFIG, trained[0], [])
    (tmp_path / "encoder.safetensors").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"encoder\.safetensors"):
        speaker.load(tmp_path, torch.device("cpu"))


def test_the_pitch_stands_beside_the_embedding(trained) -> None:
    encoder = speaker.VoiceEncoder(trained[0], torch.device("cpu"))
    time = np.arange(3 * 16_000) / 16_000
    low, high = (np.sign(np.sin(2 * np.pi * hz * time)) * 5000 for hz in (100, 200))
    described = encoder.embed([low.astype(np.int16), high.astype(np.int16)])
    assert described.shape == (2, encoder.dim) == (2, encoder.speaker_dim + 1)
    torch.testing.assert_close(described[:, :-1].norm(dim=1), torch.ones(2))
    assert float(described[1, -1] - described[0, -1]) == pytest.approx(trained[0].pitch_per_octave, rel=0.02)


def test_the_ready_made_encoder_survives_disk_and_tells_whom_it_heard(corpus, tmp_path: Path) -> None:
    speaker.save(tmp_path, PretrainConfig(architecture="ge2e"), speaker.ready_made(), [])
    described = speaker.store.read_config(tmp_path)
    assert described["trained_on"] == []
    assert set(described["trained_on_corpora"]) == {"voxceleb1", "voxceleb2"}
    clips = corpus.manifest.split("test").clips
    loaded, fresh = (
        speaker.load(tmp_path, torch.device("cpu")),
        speaker.VoiceEncoder(speaker.ready_made(), torch.device("cpu")),
    )
    torch.testing.assert_close(
        loaded.embed_windows(clips, corpus.audio), fresh.embed_windows(clips, corpus.audio)
    )
    assert loaded.dim == 257


def test_what_we_train_names_no_corpus(trained, tmp_path: Path) -> None:
    speaker.save(tmp_path, CONFIG, trained[0], ["id0"])
    assert speaker.store.read_config(tmp_path)["trained_on_corpora"] == []
