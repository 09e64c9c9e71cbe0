"""The Python API: what a newcomer types works, what it draws is what the command draws, and every mistake is
one clear line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import deepfacegen
from deepfacegen import VoiceToFace
from deepfacegen.api.speech import read_speech
from deepfacegen.api.voice_to_face import GeneratedFaces
from deepfacegen.cli.main import main
from deepfacegen.errors import UserError
from deepfacegen.systems import registry
from tests.release import made
from tests.shared.sounds import convert, write_wav


@pytest.fixture(scope="module")
def model(release: Path) -> VoiceToFace:
    return VoiceToFace.load(release, device="cpu")


@pytest.fixture(scope="module")
def heard(model: VoiceToFace, said: np.ndarray) -> np.ndarray:
    return model.decode(said)


def pixels(generated: GeneratedFaces) -> np.ndarray:
    return np.stack([np.asarray(face) for face in generated.faces])


def test_a_recording_gives_faces_and_what_the_voice_says(model: VoiceToFace, speech: Path) -> None:
    generated = model.generate(str(speech), count=4, seed=0)
    assert [(type(face), face.mode, face.size) for face in generated.faces] == [
        (Image.Image, "RGB", (128, 128))
    ] * 4
    assert len({face.tobytes() for face in generated.faces}) == 4
    assert 1.5 <= generated.speech_seconds <= 10
    voice = generated.voice
    assert (voice.typicality, voice.familiar) == (0, False), "this release was trained on buzzing tones"
    assert voice.apparent_gender is voice.apparent_age is None
    assert voice.pitch_hz is not None
    assert 60 < voice.pitch_hz < 400


def test_a_voice_like_those_of_training_has_all_estimates(model: VoiceToFace) -> None:
    voice = model.generate(made.buzz(250.0, 3.0, np.random.default_rng(5))).voice
    assert voice.familiar
    assert 0.05 <= voice.typicality <= 1
    assert voice.apparent_gender is not None
    assert voice.apparent_gender["f"] + voice.apparent_gender["m"] == pytest.approx(1)
    assert voice.apparent_gender["f"] > 0.8, "the higher voices are the women's"
    assert voice.apparent_age is not None
    assert voice.apparent_age.low_years < voice.apparent_age.mean_years < voice.apparent_age.high_years


def test_faces_have_the_size_that_is_requested(model: VoiceToFace, heard: np.ndarray) -> None:
    own = model.generate(heard, size_px=model.size_px).faces[0]
    assert own.size == (32, 32)
    for size in (64, 128, 256):
        expected = own.resize((size, size), Image.Resampling.LANCZOS)
        assert model.generate(heard, size_px=size).faces[0].tobytes() == expected.tobytes()


def test_faces_are_those_of_the_command(model: VoiceToFace, release: Path, speech: Path) -> None:
    generated = model.generate(speech, count=3, seed=5, size_px=64)
    words = ["--models", release.parent, "--count", "3", "--seed", "5", "--size", "64"]
    assert main(["generate", *map(str, [speech, speech.with_name("face.png"), *words])]) == 0
    command = [np.asarray(Image.open(speech.with_name(f"face-{k}.png"))) for k in (1, 2, 3)]
    np.testing.assert_array_equal(pixels(generated), np.stack(command))


def test_faces_are_those_of_the_networks(model: VoiceToFace, release: Path, speech: Path) -> None:
    expected = registry.load("cgan", release.parent, "cpu").generate([read_speech(speech)], 3, 5)[0]
    difference = pixels(model.generate(speech, count=3, seed=5, size_px=32)) - expected.astype(int)
    # A value at the edge between two levels may fall to either side.
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.001


def test_noise_of_ones_own(model: VoiceToFace, heard: np.ndarray) -> None:
    latents = model.latents(3, seed=2)
    assert latents.dtype == np.float32
    assert latents.shape == (3, model.latent_dim)
    np.testing.assert_array_equal(
        pixels(model.generate(heard, latents=latents)), pixels(model.generate(heard, count=3, seed=2))
    )
    np.testing.assert_array_equal(
        pixels(model.generate(heard, latents=latents[1:2]))[0],
        pixels(model.generate(heard, count=3, seed=2))[1],
    )
    calm = pixels(model.generate(heard, latents=np.zeros((2, model.latent_dim))))
    np.testing.assert_array_equal(calm[0], calm[1])


def test_pitch_of_a_known_tone(model: VoiceToFace) -> None:
    time = np.arange(32_000) / 16_000
    tone = (8000 * sum(np.sin(2 * np.pi * 200 * k * time) / k for k in range(1, 6))).astype(np.int16)
    assert model.generate(tone).voice.pitch_hz == pytest.approx(200, rel=0.01)
    hiss = np.random.default_rng(0).integers(-3000, 3000, 32_000).astype(np.int16)
    assert model.generate(hiss).voice.pitch_hz is None


def test_the_same_speech_however_it_comes(
    model: VoiceToFace, said: np.ndarray, speech: Path, tmp_path: Path
) -> None:
    whole = model.decode(speech)
    assert whole.dtype == np.int16
    np.testing.assert_array_equal(model.decode(speech.read_bytes()), whole)
    np.testing.assert_array_equal(model.decode(said), whole)
    np.testing.assert_array_equal(model.decode(said.astype(np.float32) / 32768), whole)
    np.testing.assert_array_equal(model.decode(np.stack([said, said], axis=1)), whole)
    high = model.decode(np.repeat(said, 3), sample_rate_hz=48_000)
    assert len(high) == pytest.approx(len(whole), rel=0.05)
    coded = convert(speech, tmp_path / "speech.mp3").read_bytes()
    assert len(model.decode(coded)) == pytest.approx(len(whole), rel=0.1)


def test_what_was_heard_is_not_searched_again(model: VoiceToFace, speech: Path) -> None:
    heard = model.decode(speech)
    one, other = model.generate(speech, seed=1), model.generate(heard, seed=1)
    np.testing.assert_array_equal(pixels(one), pixels(other))
    assert one.voice == other.voice
    assert model.generate(speech, seconds=1.5).speech_seconds == 1.5
    np.testing.assert_array_equal(
        pixels(model.generate(heard, seconds=2)), pixels(model.generate(heard[:32_000]))
    )


def test_threads_get_the_same_bytes_as_one_after_the_other(model: VoiceToFace, heard: np.ndarray) -> None:
    asked = [(heard[: 24_000 + 1_000 * k], 1 + k % 3, k) for k in range(16)]

    def draw(one: tuple[np.ndarray, int, int]) -> tuple[bytes, object, list]:
        generated = model.generate(one[0], count=one[1], seed=one[2])
        return (
            pixels(generated).tobytes(),
            generated.voice,
            [found.identity_id for found in model.nearest(one[0])],
        )

    alone = [draw(one) for one in asked]
    assert len({result[0] for result in alone}) == 16
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(draw, asked)) == alone


def test_nearest_training_people(model: VoiceToFace, release: Path, heard: np.ndarray) -> None:
    from deepfacegen.release import folder

    assert model.examples
    found = model.nearest(heard, count=4)
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)
    examples = folder.read_examples(release)
    assert examples is not None
    voice = registry.voice_encoder(release, "cpu").speaker_embeddings([heard])[0]
    likeness = examples.voices @ voice
    assert [one.identity_id for one in found] == [examples.identity_ids[i] for i in np.argsort(-likeness)[:4]]
    np.testing.assert_allclose([one.similarity for one in found], np.sort(likeness)[::-1][:4], rtol=1e-5)
    first = examples.identity_ids.index(found[0].identity_id)
    np.testing.assert_array_equal(np.asarray(found[0].face), examples.faces[first])
    assert len(model.nearest(heard, count=100)) == 5


def test_card_and_figures_come_along(model: VoiceToFace, release: Path) -> None:
    assert model.card == (release / "card.md").read_text(encoding="utf-8")
    assert model.figures["matching"]["ungrouped"]["unseen"]["accuracy"] == 0.812
    assert model.size_px == 32


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"count": 0}, "count"),
        ({"count": 1001}, "count"),
        ({"count": True}, "count"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seconds": 1.0}, "seconds"),
        ({"size_px": 100}, "size_px: must be 32, 64, 128 or 256, not 100"),
        ({"seconds": float("nan")}, "seconds"),
        ({"latents": np.zeros((1, 3))}, "latents"),
        ({"latents": np.zeros((0, made.LATENT_DIM))}, "latents"),
        ({"latents": np.full((1, made.LATENT_DIM), np.inf)}, "latents"),
        ({"latents": np.zeros(made.LATENT_DIM)}, "latents"),
    ],
)
def test_values_that_cannot_be_used(
    model: VoiceToFace, heard: np.ndarray, arguments: dict, reason: str
) -> None:
    with pytest.raises(UserError, match=f"^{reason}"):
        model.generate(heard, **arguments)


def test_sounds_that_cannot_be_used(model: VoiceToFace, said: np.ndarray, tmp_path: Path) -> None:
    silence = np.zeros(64_000, np.int16)
    for sound, reason in (
        (tmp_path / "none.wav", "no such file"),
        (tmp_path, "is not a file"),
        (b"", "empty"),
        (b"no sound at all" * 100, "the recording: cannot be read as sound"),
        (silence.astype(np.float64), "0.0 s of speech"),
        (said[:8_000], "at least 1.5 s"),
        (np.full(64_000, np.nan), "not finite"),
        (np.zeros((2, 2, 2)), "must be numbers"),
        (np.zeros(0), "must be numbers"),
        (np.array(["a"]), "must be numbers"),
        (write_wav(tmp_path / "quiet.wav", silence), "quiet.wav: 0.0 s of speech"),
    ):
        with pytest.raises(UserError) as caught:
            model.generate(sound)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "deepfacegen-" not in str(caught.value), "a temporary file is named"
    with pytest.raises(UserError, match="sample_rate_hz"):
        model.decode(said, sample_rate_hz=0)


def test_releases_that_cannot_be_used(release: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no release there"):
        VoiceToFace.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not a release"):
        VoiceToFace.load(release.parent / "cgan")
    with pytest.raises(UserError, match="device teapot"):
        VoiceToFace.load(release, device="teapot")
    whole = (release / "cgan" / "generator.safetensors").read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    for k, (damage, reason) in enumerate(
        (
            (lambda folder: (folder / "traits.safetensors").unlink(), "missing from the release"),
            (lambda folder: (folder / "cgan/generator.safetensors").write_bytes(flipped), "damaged"),
            (lambda folder: (folder / "voice_to_face.onnx").write_bytes(whole), "damaged"),
            (lambda folder: (folder / "card.md").write_text("other"), "damaged"),
            (lambda folder: (folder / "config.json").write_text("{"), "damaged"),
            (lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe{}"), "damaged"),
            (lambda folder: changed(folder / "config.json", format_version=99), "update deepfacegen"),
            (lambda folder: changed(folder / "config.json", format_version=0), "make the release again"),
            (lambda folder: changed(folder / "config.json", files=["voice"]), "no files in it"),
            (lambda folder: changed(folder / "config.json", figures=None), "no figures in it"),
            (lambda folder: changed(folder / "config.json", files={"card.md": {}}), "card.md: damaged"),
        )
    ):
        copy = Path(shutil.copytree(release, tmp_path / str(k)))
        damage(copy)
        with pytest.raises(UserError, match=reason):
            VoiceToFace.load(copy)


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_without_people_and_without_the_onnx_model_it_still_generates(
    release: Path, tmp_path: Path, heard: np.ndarray
) -> None:
    copy = Path(shutil.copytree(release, tmp_path / "small"))
    for name in ("training_voices.safetensors", "voice_to_face.onnx"):
        (copy / name).unlink()
    config = json.loads((copy / "config.json").read_text())
    config["files"].pop("training_voices.safetensors")
    (copy / "config.json").write_text(json.dumps(config))
    model = VoiceToFace.load(copy, "cpu")
    assert not model.examples
    expected, found = (pixels(one.generate(heard, seed=3)) for one in (VoiceToFace.load(release), model))
    assert np.abs(found - expected.astype(int)).max() <= 1
    with pytest.raises(UserError, match="has no training people"):
        model.nearest(heard)


def test_importing_the_package_is_cheap_and_switches_reports_home_off() -> None:
    code = (
        "import os, sys, deepfacegen; "
        "print('torch' in sys.modules, os.environ['ORT_DISABLE_TELEMETRY'], deepfacegen.VoiceToFace.__name__)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "1", "VoiceToFace"]
    with pytest.raises(AttributeError, match="nothing_such"):
        deepfacegen.nothing_such  # noqa: B018


def test_an_mlflow_model_is_a_source_as_good_as_a_folder(
    release: Path,
    tmp_path: Path,
    heard: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    import mlflow

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    run = client.create_run(
        client.create_experiment("release", artifact_location=(tmp_path / "artifacts").as_uri())
    )
    client.log_artifacts(run.info.run_id, str(release), "model/artifacts/release")
    client.create_registered_model("face")
    version = client.create_model_version(
        "face", source=f"{run.info.artifact_uri}/model", run_id=run.info.run_id
    ).version
    client.set_registered_model_alias("face", "champion", version)
    expected = pixels(VoiceToFace.load(release, "cpu").generate(heard))
    before = mlflow.get_tracking_uri()
    capfd.readouterr()
    for source in ("models:/face@champion", f"models:/face/{version}", f"runs:/{run.info.run_id}/model"):
        np.testing.assert_array_equal(pixels(VoiceToFace.load(source, "cpu").generate(heard)), expected)
    assert mlflow.get_tracking_uri() == before
    assert not capfd.readouterr().err, "no progress bars of MLflow's"
    for source in ("models:/face@nobody", "models:/other/1", f"runs:/{run.info.run_id}/nothing"):
        with pytest.raises(UserError, match="MLflow does not give it"):
            VoiceToFace.load(source, "cpu")
    client.log_artifact(run.info.run_id, str(release / "card.md"), "empty")
    with pytest.raises(UserError, match="holds no release"):
        VoiceToFace.load(f"runs:/{run.info.run_id}/empty", "cpu")
